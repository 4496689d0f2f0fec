-- title: YEAR, 0000 included
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, y YEAR);
INSERT INTO t VALUES (1, 0000), (2, 1901), (3, 2155), (4, NULL), (5, 2000);
-- [update]
UPDATE t SET y = 2024;
-- [delete]
DELETE FROM t WHERE id < 9;
-- [insert]
INSERT INTO t VALUES (6, '0000'), (7, 1901);

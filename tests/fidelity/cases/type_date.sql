-- title: DATE: zero, partial and invalid values that stood in the table
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v DATE, n INT);
INSERT INTO t VALUES (1, '0000-00-00', 1), (2, '2024-00-00', 1), (3, '2024-05-00', 1), (4, '2024-02-31', 1), (5, '9999-12-31', 1),
  (6, '0001-01-01', 1), (7, NULL, 1);
CREATE TABLE s (id INT PRIMARY KEY, v DATE NOT NULL);
INSERT INTO s SELECT id, v FROM t WHERE id < 7;
-- [update]
UPDATE t SET v = '2024-01-01';
-- [other column]
UPDATE t SET n = 2;
-- [delete]
DELETE FROM t WHERE id > 0;
-- [not null]
DELETE FROM s WHERE id > 0;

-- title: invisible columns
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT DEFAULT 7 INVISIBLE, c VARCHAR(10) INVISIBLE);
INSERT INTO t (id, a, b, c) VALUES (1, 1, 11, 'x'), (2, 2, NULL, NULL);
INSERT INTO t (id, a) VALUES (3, 3);
-- [update]
UPDATE t SET b = 8, c = 'new';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [insert]
INSERT INTO t VALUES (4, 4);

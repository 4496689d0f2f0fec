-- title: a functional index, which is a hidden column
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), n INT, INDEX ((UPPER(a))), INDEX ((n + 1), a));
INSERT INTO t VALUES (1, 'x', 1), (2, NULL, 2), (3, 'Y', NULL);
-- [update]
UPDATE t SET a = 'q', n = 7;
-- [delete]
DELETE FROM t WHERE id > 0;

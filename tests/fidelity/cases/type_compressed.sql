-- title: compressed columns
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5000) COMPRESSED, b BLOB COMPRESSED, w TEXT COMPRESSED CHARACTER SET latin1, n INT);
INSERT INTO t VALUES (1, REPEAT('é', 2000), REPEAT(X'00FF', 3000), REPEAT('x', 9000), 1), (2, '', '', '', 2), (3, NULL, NULL, NULL, 3), (4, 'short', 'b', 'w', 4);
-- [update]
UPDATE t SET v = 'x', b = 'y', w = 'z';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [insert]
INSERT INTO t VALUES (5, REPEAT('q', 4000), REPEAT('b', 900), 'w', 5);

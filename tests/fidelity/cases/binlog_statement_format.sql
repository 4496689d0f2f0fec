-- title: statements instead of rows in the binlog
-- global: binlog_format = STATEMENT
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), w INT);
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);
-- [delete] expect=refused
DELETE FROM t WHERE id > 0;

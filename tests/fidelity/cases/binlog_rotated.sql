-- title: a binlog that goes to the next file after every transaction
-- global: max_binlog_size = 4096
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5000));
INSERT INTO t VALUES (1, REPEAT('a', 3000)), (2, REPEAT('b', 3000)), (3, 'c');
-- [three statements]
UPDATE t SET v = REPEAT('x', 2500); DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (9, REPEAT('y', 4900));

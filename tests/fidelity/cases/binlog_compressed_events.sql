-- title: events that the server compresses in the binlog
-- servers: mariadb
-- global: log_bin_compress = ON
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(500));
INSERT INTO t VALUES (1, REPEAT('a', 300)), (2, REPEAT('b', 300));
-- [update]
UPDATE t SET v = REPEAT('c', 400);

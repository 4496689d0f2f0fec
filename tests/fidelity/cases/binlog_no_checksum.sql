-- title: a binlog without checksums
-- global: binlog_checksum = NONE
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- [update]
UPDATE t SET v = 'new';

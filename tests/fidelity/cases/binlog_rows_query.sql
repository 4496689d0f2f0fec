-- title: statement text beside the rows on MySQL
-- servers: mysql
-- global: binlog_rows_query_log_events = ON
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- [update]
UPDATE t SET v = 'new';

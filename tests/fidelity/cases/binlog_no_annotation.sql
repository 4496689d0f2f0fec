-- title: no statement text beside the rows
-- servers: mariadb
-- global: binlog_annotate_row_events = OFF
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
-- [update]
UPDATE t SET v = 'new';

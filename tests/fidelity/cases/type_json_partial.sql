-- title: JSON_SET where the server logs only the changed part
-- servers: mysql
-- global: binlog_row_value_options = 'PARTIAL_JSON'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v JSON);
INSERT INTO t VALUES (1, JSON_OBJECT('a', 1, 'text', REPEAT('x', 1000))), (2, '[1, 2, 3]');
-- [set]
UPDATE t SET v = JSON_SET(v, '$.a', 2) WHERE id = 1;

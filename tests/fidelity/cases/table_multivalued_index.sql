-- title: a multi-valued index over a JSON array
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v JSON, INDEX ((CAST(v->'$.z' AS UNSIGNED ARRAY))));
INSERT INTO t VALUES (1, '{"z": [1, 2, 3]}'), (2, '{"z": []}'), (3, NULL);
-- [update]
UPDATE t SET v = '{"z": [9]}';

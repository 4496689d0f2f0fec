-- title: a generated invisible primary key
-- servers: mysql
-- [make]
SET sql_generate_invisible_primary_key = 1;
CREATE TABLE t (a INT, b VARCHAR(10));
INSERT INTO t VALUES (1, 'same'), (1, 'same'), (2, NULL);
-- [update]
UPDATE t SET b = 'x' WHERE a = 1;
-- [delete]
DELETE FROM t WHERE a = 1;
-- [insert]
INSERT INTO t VALUES (1, 'same');

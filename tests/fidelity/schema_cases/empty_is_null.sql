-- title: a server in the modes of another one
-- servers: mariadb
-- global: sql_mode = 'EMPTY_STRING_IS_NULL,STRICT_ALL_TABLES,TIME_ROUND_FRACTIONAL,NO_ENGINE_SUBSTITUTION'
-- [make]
SET SESSION sql_mode = '';
CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20) NOT NULL DEFAULT '' COMMENT '', b TEXT NULL, e ENUM('','x') NOT NULL DEFAULT '', d DATETIME(6), tm TIME(3), KEY ka (a));
INSERT INTO t VALUES (1, '', '', '', '2020-12-31 23:59:59.999999', '10:59:59.999'), (2, 'x', NULL, 'x', NULL, NULL);
SET SESSION sql_mode = DEFAULT;
-- [drop]
ALTER TABLE t DROP COLUMN a, DROP COLUMN b, DROP COLUMN e;
-- [narrow]
ALTER TABLE t MODIFY b TINYTEXT NULL, MODIFY e ENUM('','x','y') NOT NULL, ADD COLUMN z INT;
-- [rounded]
ALTER TABLE t MODIFY d DATETIME, MODIFY tm TIME;
-- [truncate]
TRUNCATE TABLE t; INSERT INTO t (id, a, e) VALUES (3, 'q', 'x');
-- [drop table]
DROP TABLE t;
-- [default]
ALTER TABLE t ALTER a SET DEFAULT 'n', MODIFY e ENUM('','x') NOT NULL;

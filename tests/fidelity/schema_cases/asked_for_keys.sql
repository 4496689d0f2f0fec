-- title: MySQL that asks for keys
-- servers: mysql
-- global: sql_require_primary_key = 1
-- [make]
SET SESSION sql_require_primary_key = 0;
CREATE TABLE nopk (my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, a INT, b VARCHAR(20));
INSERT INTO nopk VALUES (1, 'x and more'), (1, 'x and more');
CREATE TABLE t (id INT PRIMARY KEY, v INT, w VARCHAR(30));
INSERT INTO t VALUES (1, 1, 'one and more'), (2, 2, 'two');
SET SESSION sql_require_primary_key = 0;
CREATE TABLE really (a INT, b VARCHAR(20));
INSERT INTO really VALUES (1, 'x'), (1, 'x');
-- [drop a column]
ALTER TABLE nopk DROP COLUMN b;
-- [narrow]
ALTER TABLE t MODIFY w TINYTEXT, DROP COLUMN v;
-- [another key]
ALTER TABLE t DROP PRIMARY KEY, ADD COLUMN k INT AUTO_INCREMENT PRIMARY KEY FIRST;
-- [show it]
ALTER TABLE nopk ALTER COLUMN my_row_id SET VISIBLE; UPDATE nopk SET b = my_row_id;
-- [drop and truncate]
TRUNCATE TABLE nopk; TRUNCATE TABLE really; INSERT INTO really VALUES (3, 'z'); DROP TABLE nopk;
-- [drop one really without]
DROP TABLE really;

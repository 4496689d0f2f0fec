-- title: MySQL that makes keys of its own
-- servers: mysql
-- global: sql_generate_invisible_primary_key = 1
-- [make]
SET SESSION sql_generate_invisible_primary_key = 1;
CREATE TABLE nopk (a INT, b VARCHAR(20));
INSERT INTO nopk VALUES (1, 'x and more'), (1, 'x and more');
CREATE TABLE t (id INT PRIMARY KEY, v INT, w VARCHAR(30));
INSERT INTO t VALUES (1, 1, 'one and more'), (2, 2, 'two');
SET SESSION sql_generate_invisible_primary_key = 0;
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
-- [create and fill]
CREATE TABLE fresh (a INT, b INT); INSERT INTO fresh VALUES (1, 1), (1, 1); ALTER TABLE fresh DROP COLUMN b; UPDATE fresh SET a = 5;
-- [create select]
CREATE TABLE fresh AS SELECT * FROM nopk; CREATE TABLE fresh2 LIKE really;
-- [drop and truncate]
TRUNCATE TABLE nopk; TRUNCATE TABLE really; INSERT INTO really VALUES (3, 'z'); DROP TABLE nopk;
-- [change one really without]
ALTER TABLE really MODIFY b VARCHAR(40), ADD COLUMN c INT FIRST;
-- [drop one really without]
DROP TABLE really;
-- [truncate one really without]
TRUNCATE TABLE really;

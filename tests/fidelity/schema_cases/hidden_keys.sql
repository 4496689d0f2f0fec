-- title: MySQL that makes keys of its own and does not show them
-- servers: mysql
-- global: sql_generate_invisible_primary_key = 1
-- global: show_gipk_in_create_table_and_information_schema = 0
-- [make]
SET SESSION sql_generate_invisible_primary_key = 1;
CREATE TABLE nopk (a INT, b VARCHAR(20));
INSERT INTO nopk VALUES (1, 'x and more'), (1, 'x and more');
SET SESSION sql_generate_invisible_primary_key = 0;
-- [drop a column]
ALTER TABLE nopk DROP COLUMN b;
-- [truncate]
TRUNCATE TABLE nopk; INSERT INTO nopk VALUES (3, 'z');
-- [rows between]
UPDATE nopk SET a = 2; ALTER TABLE nopk MODIFY a BIGINT, ADD COLUMN c INT FIRST; DELETE FROM nopk;
-- [drop and make again]
DROP TABLE nopk; CREATE TABLE nopk (a INT); INSERT INTO nopk VALUES (1), (1); UPDATE nopk SET a = 5;

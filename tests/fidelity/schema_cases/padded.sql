-- title: a server that pads CHAR and divides by nothing
-- servers: mysql
-- global: sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'
-- [make]
SET SESSION sql_mode = '';
CREATE TABLE t (id CHAR(5) NOT NULL PRIMARY KEY, ch CHAR(8), c2 CHAR(8) CHARACTER SET latin1, v VARCHAR(20), n INT, m INT, q DECIMAL(10,2) AS (n / m) STORED, w VARCHAR(30) AS (CONCAT(ch, '|')) STORED, UNIQUE KEY uc (ch));
INSERT INTO t (id, ch, c2, v, n, m) VALUES ('a', 'one', 'é', 'x  ', 1, 0), ('b ', 'two', '', '', 4, 2), ('', NULL, NULL, NULL, NULL, NULL);
CREATE TABLE p (id INT NOT NULL, c CHAR(9), PRIMARY KEY (id)) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20));
INSERT INTO p VALUES (1, 'x'), (11, 'y');
SET SESSION sql_mode = DEFAULT;
-- [drop char] expect=warned
ALTER TABLE t DROP COLUMN w, DROP COLUMN ch, DROP COLUMN c2;
-- [narrow char] expect=warned
ALTER TABLE t DROP COLUMN w, MODIFY ch CHAR(2), MODIFY c2 CHAR(4) CHARACTER SET latin1;
-- [char to varchar] expect=warned
ALTER TABLE t MODIFY c2 VARCHAR(30);
-- [varchar to char] expect=warned
ALTER TABLE t MODIFY v CHAR(20), MODIFY n TINYINT;
-- [drop stored] expect=warned
ALTER TABLE t DROP COLUMN q;
-- [drop stored of a char] expect=warned
ALTER TABLE t DROP COLUMN w;
-- [rebuild] expect=warned
ALTER TABLE t ADD COLUMN x INT FIRST, ALGORITHM=COPY;
-- [truncate partition]
ALTER TABLE p TRUNCATE PARTITION a;
-- [copy of a char]
CREATE TABLE fresh AS SELECT id, ch, c2 FROM t; UPDATE fresh SET ch = 'z' WHERE id = 'a';

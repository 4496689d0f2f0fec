-- title: indexes and keys
-- [make]
CREATE TABLE t (id INT NOT NULL, a VARCHAR(20), b INT NOT NULL, c INT, g TEXT, p POINT NOT NULL, PRIMARY KEY (id), UNIQUE KEY ua (a), UNIQUE KEY ub (b), KEY i1 (c), KEY i2 (c, b), KEY i3 (a(5), c DESC) COMMENT 'it''s', FULLTEXT KEY ft (g), SPATIAL KEY sp (p));
INSERT INTO t VALUES (1, 'one', 10, 3, 'some words here', ST_GeomFromText('POINT(1 2)')), (2, NULL, 20, NULL, 'other words', ST_GeomFromText('POINT(3 4)')), (3, NULL, 30, 3, NULL, ST_GeomFromText('POINT(1 2)'));
-- [add]
ALTER TABLE t ADD INDEX n (c, a);
-- [add without a name]
ALTER TABLE t ADD INDEX (b, c), ADD UNIQUE (id, b);
-- [add prefix and descending]
ALTER TABLE t ADD KEY n (g(10), b DESC) COMMENT 'x''y';
-- [add fulltext]
ALTER TABLE t ADD FULLTEXT INDEX n (a);
-- [add functional] servers=mysql
ALTER TABLE t ADD INDEX n ((b + c)), ADD INDEX m ((LOWER(a)));
-- [add invisible] servers=mysql
ALTER TABLE t ADD INDEX n (b) INVISIBLE;
-- [add ignored] servers=mariadb
ALTER TABLE t ADD INDEX n (b, id) IGNORED;
-- [create]
CREATE INDEX n ON t (c, b, id);
-- [create unique]
CREATE UNIQUE INDEX n ON t (b, c);
-- [create fulltext]
CREATE FULLTEXT INDEX n ON t (a, g);
-- [create using]
CREATE INDEX n USING BTREE ON t (c) COMMENT 'c';
-- [create if not exists] servers=mariadb
CREATE INDEX IF NOT EXISTS i1 ON t (b);
-- [create or replace] servers=mariadb
CREATE OR REPLACE INDEX i1 ON t (b);
-- [drop]
DROP INDEX i2 ON t;
-- [drop first]
ALTER TABLE t DROP INDEX i1;
-- [drop prefix]
ALTER TABLE t DROP KEY i3;
-- [drop fulltext]
DROP INDEX ft ON t;
-- [drop spatial]
ALTER TABLE t DROP INDEX sp;
-- [drop unique]
ALTER TABLE t DROP INDEX ua;
-- [drop all]
ALTER TABLE t DROP INDEX ua, DROP INDEX ub, DROP INDEX i1, DROP INDEX i2, DROP INDEX i3, DROP INDEX ft, DROP INDEX sp;
-- [drop if exists] servers=mariadb
DROP INDEX IF EXISTS nothing ON t;
-- [drop primary]
ALTER TABLE t DROP PRIMARY KEY;
-- [other primary]
ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b, id);
-- [primary of another column]
ALTER TABLE t DROP PRIMARY KEY, DROP INDEX ub, ADD PRIMARY KEY (b);
-- [other columns under its name]
ALTER TABLE t DROP INDEX i2, ADD INDEX i2 (b, c);
-- [unique to plain]
ALTER TABLE t DROP INDEX ub, ADD INDEX ub (b);
-- [rename]
ALTER TABLE t RENAME INDEX i1 TO i9, RENAME INDEX ua TO uz;
-- [rename swap] servers=mariadb
ALTER TABLE t RENAME INDEX i1 TO i9; ALTER TABLE t RENAME INDEX i2 TO i1; ALTER TABLE t RENAME INDEX i9 TO i2;
-- [invisible] servers=mysql
ALTER TABLE t ALTER INDEX i1 INVISIBLE, ALTER INDEX ua INVISIBLE;
-- [ignored] servers=mariadb
ALTER TABLE t ALTER INDEX i1 IGNORED;
-- [visible again] servers=mysql
ALTER TABLE t ALTER INDEX i1 INVISIBLE; UPDATE t SET c = 4 WHERE id = 1; ALTER TABLE t ALTER INDEX i1 VISIBLE;
-- [column and its indexes]
ALTER TABLE t DROP COLUMN c;
-- [widen an indexed column]
ALTER TABLE t MODIFY c BIGINT, MODIFY a VARCHAR(200);
-- [move columns of an index]
ALTER TABLE t MODIFY c INT FIRST, RENAME INDEX i2 TO i7;

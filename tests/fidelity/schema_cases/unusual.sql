-- title: what nobody writes on a good day
-- [make]
CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT, `we``ird %s` VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT 'it''s \\ "x" %s' COMMENT 'a;b -- c /* d */ é😀''', `select` ENUM('a,b','it''s','(x','','É') NOT NULL DEFAULT 'it''s', s SET('x','y y','z''') DEFAULT 'x,z''', n DECIMAL(30,10) DEFAULT -1.5, b BLOB, bi BINARY(4) DEFAULT 'a\0', d DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), g INT GENERATED ALWAYS AS (LENGTH(`we``ird %s`)) STORED, gv VARCHAR(50) GENERATED ALWAYS AS (CONCAT(`select`, '-', s)) VIRTUAL, bt BIT(5) DEFAULT b'101', fl FLOAT DEFAULT 1.5e10, PRIMARY KEY (id), KEY `by weird` (`we``ird %s`(5) DESC, g) COMMENT 'k;', CONSTRAINT `chk ``1` CHECK (n > -1000)) AUTO_INCREMENT=77 DEFAULT CHARSET=latin1 COMMENT='t''s; table';
INSERT INTO t (`we``ird %s`, `select`, s, n, b, d) VALUES ('x\\''', 'a,b', 'y y', 12345678901234567890.0123456789, x'00ff', '2020-01-01 00:00:00.123'), (NULL, '(x', NULL, NULL, NULL, '2021-03-28 02:30:00.999'), ('', '', '', 0, '', '1999-12-31 23:59:59.999');
CREATE TABLE two (a INT NOT NULL, b VARCHAR(20) NOT NULL, c TEXT, j JSON, p POINT, PRIMARY KEY (b, a), UNIQUE KEY ua (a), FULLTEXT KEY fc (c));
INSERT INTO two VALUES (1, 'x', 'some words here', '{"a": [1, 2.0, null]}', ST_GeomFromText('POINT(1 2)')), (2, 'X ', NULL, NULL, NULL), (3, 'ß', REPEAT('long ', 3000), '"s"', ST_GeomFromText('POINT(-1 0)'));
CREATE TABLE nokey (a INT, b VARCHAR(5), KEY (a));
INSERT INTO nokey VALUES (1, 'a'), (1, 'a'), (NULL, NULL);
CREATE TABLE up (id INT PRIMARY KEY);
INSERT INTO up VALUES (7), (8);
CREATE TABLE three (id INT PRIMARY KEY, u INT NOT NULL, f INT NOT NULL, c INT NOT NULL, g POINT NOT NULL, da DATE NOT NULL, j JSON NOT NULL, e ENUM('a','b') NOT NULL, u2 VARCHAR(20) NOT NULL, ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY (u), UNIQUE KEY (u2, e), SPATIAL KEY (g), KEY (da), CONSTRAINT cc CHECK (c > 5), CONSTRAINT ff FOREIGN KEY (f) REFERENCES up (id));
INSERT INTO three VALUES (1, 10, 7, 6, ST_GeomFromText('POINT(1 1)'), '2020-01-01', '{}', 'b', 'x', '2020-02-02 02:02:02'), (2, 20, 8, 7, ST_GeomFromText('POINT(2 2)'), '2020-01-02', '[]', 'b', 'y', '2021-02-02 02:02:02'), (3, 30, 8, 8, ST_GeomFromText('POINT(3 3)'), '2020-01-03', '1', 'a', 'x', '2022-02-02 02:02:02');
-- [drop a unique column]
ALTER TABLE three DROP COLUMN u;
-- [drop one of two unique columns]
ALTER TABLE three DROP KEY u2, DROP COLUMN u2;
-- [drop a column with a spatial key]
ALTER TABLE three DROP COLUMN g;
-- [drop a column with a check]
ALTER TABLE three DROP CONSTRAINT cc, DROP COLUMN c;
-- [drop a column with a foreign key]
ALTER TABLE three DROP FOREIGN KEY ff, DROP COLUMN f;
-- [drop a date and a document]
ALTER TABLE three DROP COLUMN da, DROP COLUMN j, DROP COLUMN e, DROP KEY u2, DROP COLUMN ts;
-- [drop nearly all]
ALTER TABLE three DROP FOREIGN KEY ff, DROP CONSTRAINT cc, DROP KEY u2, DROP COLUMN da, DROP COLUMN j, DROP COLUMN e, DROP COLUMN u, DROP COLUMN u2, DROP COLUMN f, DROP COLUMN c, DROP COLUMN g, DROP COLUMN ts;
-- [drop an auto increment column]
ALTER TABLE nokey ADD COLUMN id INT PRIMARY KEY AUTO_INCREMENT; ALTER TABLE nokey MODIFY id INT NOT NULL, ADD COLUMN serial BIGINT NOT NULL AUTO_INCREMENT UNIQUE COMMENT 'no. CHECK it'; UPDATE nokey SET serial = 100 - id; ALTER TABLE nokey DROP COLUMN serial;
-- [drop what a generated column stands on]
ALTER TABLE three ADD COLUMN g2 INT GENERATED ALWAYS AS (u + 1) STORED AFTER id, ADD UNIQUE KEY ug (g2), ADD COLUMN g3 INT GENERATED ALWAYS AS (u + 2) VIRTUAL, ADD KEY (g3); ALTER TABLE three DROP COLUMN g2, DROP COLUMN g3, DROP COLUMN u;
-- [drop a column and convert]
ALTER TABLE three DROP KEY u2, DROP COLUMN u2, CONVERT TO CHARACTER SET latin1;
-- [drop a column under partitions]
ALTER TABLE two DROP KEY fc, DROP COLUMN p, DROP KEY ua; ALTER TABLE two ADD COLUMN pt INT NOT NULL DEFAULT 5, DROP PRIMARY KEY, ADD PRIMARY KEY (a, pt); UPDATE two SET pt = a; ALTER TABLE two PARTITION BY RANGE (pt) (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN (4)); ALTER TABLE two DROP COLUMN c;
-- [drop a unique column, then change rows]
ALTER TABLE three DROP COLUMN u; UPDATE three SET c = c + 1; DELETE FROM three WHERE id = 2;
-- [drop a unique key, write twice]
ALTER TABLE three DROP KEY u; UPDATE three SET u = 1; ALTER TABLE three DROP CONSTRAINT cc; UPDATE three SET c = 0; ALTER TABLE three DROP FOREIGN KEY ff; UPDATE three SET f = 99;
-- [drop the key of a table]
ALTER TABLE three DROP PRIMARY KEY; INSERT INTO three (id, u, f, c, g, da, j, e, u2) VALUES (1, 11, 7, 9, ST_GeomFromText('POINT(1 1)'), '2021-01-01', '{}', 'a', 'zz');
-- [drop many columns of many types]
ALTER TABLE two DROP COLUMN c, DROP COLUMN j, DROP COLUMN p;
-- [drop a column with odd name]
ALTER TABLE t DROP COLUMN g, DROP COLUMN `we``ird %s`, DROP KEY `by weird`;
-- [drop enum under a virtual]
ALTER TABLE t DROP COLUMN gv, DROP COLUMN `select`;
-- [drop bits and binaries]
ALTER TABLE t DROP bt, DROP bi, DROP fl, DROP n, DROP CONSTRAINT `chk ``1`;
-- [drop and add in two statements]
ALTER TABLE two DROP COLUMN c; ALTER TABLE two ADD COLUMN c INT NOT NULL DEFAULT 7; UPDATE two SET c = a;
-- [drop column, change rows, roll back]
UPDATE two SET c = 'new' WHERE a = 1; ALTER TABLE two DROP COLUMN c; DELETE FROM two WHERE a = 3; INSERT INTO two (a, b) VALUES (9, 'nine');
-- [rename columns to each other with change]
ALTER TABLE two CHANGE a b2 INT NOT NULL, CHANGE b a VARCHAR(20) NOT NULL;
-- [primary key other order]
ALTER TABLE two DROP PRIMARY KEY, ADD PRIMARY KEY (a, b);
-- [primary key and a new auto increment]
ALTER TABLE nokey ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST; UPDATE nokey SET b = id;
-- [auto increment at start]
ALTER TABLE t AUTO_INCREMENT = 5000, COMMENT = '';
-- [auto increment away]
ALTER TABLE t MODIFY id INT UNSIGNED NOT NULL; INSERT INTO t (id) VALUES (5); UPDATE t SET n = 4 WHERE id = 5;
-- [comment with everything]
ALTER TABLE t COMMENT = 'new ''comment'' \\ ; -- /* */ 😀', MODIFY fl FLOAT DEFAULT 1.5e10 COMMENT 'c"c';
-- [weird default]
ALTER TABLE t ALTER `we``ird %s` SET DEFAULT 'other ''\\', ALTER bt SET DEFAULT b'1', ALTER n DROP DEFAULT;
-- [enum members added in the middle]
ALTER TABLE t MODIFY gv VARCHAR(50) GENERATED ALWAYS AS (CONCAT(`select`, '+', s)) VIRTUAL;
-- [index of everything]
ALTER TABLE t ADD KEY `k ``;` (gv), ADD UNIQUE `u%s` (d, id), DROP KEY `by weird`, ADD KEY `by weird` (g);
-- [comments inside]
ALTER /* one */ TABLE t -- two
 ADD /* three */ COLUMN x INT # four
 DEFAULT 5;
-- [algorithm named]
ALTER TABLE t ADD COLUMN x INT, ALGORITHM=COPY, LOCK=SHARED;
-- [everything at once with rename]
ALTER TABLE two ADD COLUMN z INT AFTER a, CHANGE j jj JSON, ADD KEY (z), DROP KEY ua, RENAME TO two2; UPDATE two2 SET z = a; DELETE FROM two2 WHERE a = 2;
-- [rename there and back again]
RENAME TABLE t TO `a b`, two TO t; RENAME TABLE t TO two, `a b` TO t; UPDATE t SET n = 1;
-- [drop and create again]
DROP TABLE two; CREATE TABLE two (id INT PRIMARY KEY, v INT); INSERT INTO two VALUES (1, 1);
-- [create, drop, create]
CREATE TABLE x (id INT PRIMARY KEY); INSERT INTO x VALUES (1); DROP TABLE x; CREATE TABLE x (a INT); INSERT INTO x VALUES (2), (2);
-- [truncate and fill]
TRUNCATE TABLE t; INSERT INTO t (n) VALUES (1), (2); UPDATE t SET n = 3;
-- [truncate without key]
TRUNCATE nokey;
-- [truncate with fulltext]
TRUNCATE TABLE two; INSERT INTO two (a, b, c) VALUES (1, 'x', 'words');
-- [drop all]
DROP TABLE t, two, nokey;
-- [truncate twice]
TRUNCATE TABLE t; INSERT INTO t (n) VALUES (9); TRUNCATE TABLE t;
-- [drop column of a table without key] expect=warned
ALTER TABLE nokey DROP COLUMN b;
-- [drop a column of the primary key] expect=warned
ALTER TABLE two DROP PRIMARY KEY, DROP COLUMN b, ADD PRIMARY KEY (a);
-- [unique on what is unique]
ALTER TABLE two ADD UNIQUE KEY ub (b(3), a), ADD FULLTEXT KEY f2 (c, b); DELETE FROM two WHERE a = 1;
-- [default charset and text types]
ALTER TABLE two CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; UPDATE two SET c = '😀' WHERE a = 2;
-- [check upon a column]
ALTER TABLE t ADD CONSTRAINT c2 CHECK (n < 1e30 AND `select` <> 'q;''q'), ADD CHECK (fl IS NOT NULL OR bt = b'1');
-- [generated to other]
ALTER TABLE t DROP COLUMN g, DROP KEY `by weird`, ADD COLUMN g BIGINT GENERATED ALWAYS AS (fl * 2) STORED FIRST;
-- [not null with rows]
ALTER TABLE nokey MODIFY b VARCHAR(50), ADD COLUMN c DATE NOT NULL DEFAULT '2020-02-02'; DELETE FROM nokey WHERE a IS NULL; INSERT INTO nokey VALUES (5, 'five5555', '2021-01-01');
-- [partition by hash of the key]
ALTER TABLE two DROP KEY ua, DROP KEY fc, DROP COLUMN p; ALTER TABLE two PARTITION BY HASH (a) PARTITIONS 3; UPDATE two SET c = 'p' WHERE a = 1; ALTER TABLE two REMOVE PARTITIONING;
-- [key block size]
ALTER TABLE two ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
-- [uuid and inet] servers=mariadb
CREATE TABLE m (u UUID PRIMARY KEY DEFAULT UUID(), i INET6, x INT DEFAULT (1 + 2)); INSERT INTO m (u, i) VALUES ('123e4567-e89b-12d3-a456-426655440000', '::1'); ALTER TABLE m DROP COLUMN i; ALTER TABLE m ADD COLUMN w INET6 NOT NULL DEFAULT '::2';
-- [drop inet] servers=mariadb
ALTER TABLE nokey ADD COLUMN id INT AUTO_INCREMENT PRIMARY KEY, ADD COLUMN i INET6 DEFAULT '::1'; ALTER TABLE nokey DROP COLUMN i;
-- [functional and multi valued] servers=mysql
ALTER TABLE two ADD KEY f ((LOWER(b))), ADD KEY mv ((CAST(j->'$.k' AS UNSIGNED ARRAY))); ALTER TABLE two DROP KEY f; UPDATE two SET j = '{"k": [5]}' WHERE a = 2;
-- [srid] servers=mysql
UPDATE two SET p = POINT(3, 4) WHERE a = 2; DELETE FROM two WHERE p IS NULL; ALTER TABLE two ADD COLUMN q POINT SRID 4326; UPDATE two SET q = ST_SRID(p, 4326); ALTER TABLE two MODIFY q POINT NOT NULL SRID 4326; ALTER TABLE two ADD SPATIAL KEY sq (q); ALTER TABLE two DROP COLUMN q;
-- [expression default] servers=mysql
ALTER TABLE two ADD COLUMN q JSON DEFAULT (JSON_ARRAY('x''', 1)), MODIFY c TEXT DEFAULT ('tex''t'); INSERT INTO two (a, b) VALUES (11, 'e');
-- [invisible and not enforced] servers=mysql
ALTER TABLE two ADD COLUMN inv INT INVISIBLE DEFAULT 3, ALTER INDEX ua INVISIBLE, ADD CONSTRAINT ne CHECK (a > 100) NOT ENFORCED; UPDATE two SET inv = 5 WHERE a = 1; ALTER TABLE two ALTER CHECK ne NOT ENFORCED, DROP COLUMN inv;
-- [vector] servers=mysql
ALTER TABLE two ADD COLUMN v VECTOR(3); UPDATE two SET v = STRING_TO_VECTOR('[1,2,3]') WHERE a = 1; ALTER TABLE two DROP COLUMN v;
-- [views in a chain]
CREATE VIEW v1 AS SELECT id, `we``ird %s` AS `w``` FROM t WHERE n > 0.5; CREATE VIEW v2 (x, y) AS SELECT v1.id, CONCAT(`w```, ';''') FROM v1 WITH CASCADED CHECK OPTION; CREATE OR REPLACE VIEW v1 AS SELECT id, CAST(s AS CHAR(9)) AS `w``` FROM t; DROP VIEW v2, v1;

-- title: what only MySQL has
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, j JSON, v VARCHAR(30), n INT DEFAULT (1 + 1), g INT AS (JSON_LENGTH(j)) STORED, q POINT NOT NULL SRID 4326, w VECTOR(3), e TEXT DEFAULT ('a''b'), inv INT INVISIBLE DEFAULT 6, b BLOB DEFAULT (x'00ff'), KEY mv ((CAST(j->'$.k' AS UNSIGNED ARRAY))), KEY fu ((LOWER(v)), n DESC), UNIQUE KEY uf ((CONCAT(v, '-', n))), SPATIAL KEY sq (q), KEY hid (n) INVISIBLE, CONSTRAINT c1 CHECK (n < 1000), CONSTRAINT c2 CHECK (v <> 'bad') NOT ENFORCED);
INSERT INTO t (j, v, n, q, w, inv) VALUES ('{"k": [1, 2]}', 'One', 1, ST_GeomFromText('POINT(1 2)', 4326), STRING_TO_VECTOR('[1,2,3]'), 1), (NULL, NULL, NULL, ST_GeomFromText('POINT(-10 20)', 4326), NULL, NULL), ('{"k": 3, "x": 1.50}', 'bad', 3, ST_GeomFromText('POINT(0 0)', 4326), STRING_TO_VECTOR('[0,-1.5,1e10]'), 3);
CREATE TABLE ts (id INT PRIMARY KEY, v INT) COMPRESSION='zlib' AUTOEXTEND_SIZE=4M;
INSERT INTO ts VALUES (1, 1);
CREATE TABLE nopk (a INT, b VARCHAR(20));
INSERT INTO nopk VALUES (1, 'x'), (1, 'x');
CREATE TABLE ti (id INT PRIMARY KEY, v INT);
INSERT INTO ti VALUES (1, 1), (2, 2);
ALTER TABLE ti ADD COLUMN a INT DEFAULT 7 FIRST, ALGORITHM=INSTANT;
ALTER TABLE ti DROP COLUMN v, ALGORITHM=INSTANT;
-- [drop functional]
ALTER TABLE t DROP KEY fu, DROP KEY uf, DROP KEY mv;
-- [add functional]
ALTER TABLE t ADD UNIQUE KEY f2 ((n * 2), v), ADD KEY f3 ((CAST(j->>'$.x' AS DECIMAL(10,2)))), ADD KEY f4 ((CAST(j->'$.k' AS CHAR(10) ARRAY)), n);
-- [functional renamed and hidden]
ALTER TABLE t RENAME INDEX fu TO f9, ALTER INDEX uf INVISIBLE, ALTER INDEX hid VISIBLE;
-- [narrow under a functional]
ALTER TABLE t MODIFY n SMALLINT DEFAULT (1 + 1);
-- [widen under a functional]
ALTER TABLE t MODIFY v VARCHAR(60), MODIFY n BIGINT DEFAULT (2 + 2);
-- [drop the column and its functional keys]
ALTER TABLE t DROP KEY fu, DROP KEY uf, DROP CONSTRAINT c2, DROP COLUMN v;
-- [drop the document]
ALTER TABLE t DROP KEY mv, DROP COLUMN g, DROP COLUMN j;
-- [document moves]
ALTER TABLE t MODIFY j JSON AFTER v, MODIFY g INT AS (JSON_LENGTH(j)) STORED FIRST;
-- [srid away]
ALTER TABLE t DROP KEY sq; ALTER TABLE t MODIFY q POINT NOT NULL;
-- [point to geometry]
ALTER TABLE t DROP KEY sq; ALTER TABLE t MODIFY q GEOMETRY NULL;
-- [drop the point]
ALTER TABLE t DROP COLUMN q, DROP COLUMN w;
-- [vector longer]
ALTER TABLE t MODIFY w VECTOR(5);
-- [vector to bytes]
ALTER TABLE t MODIFY w VARBINARY(100);
-- [text default away]
ALTER TABLE t MODIFY e TEXT, MODIFY b BLOB, ALTER inv DROP DEFAULT;
-- [text default other]
ALTER TABLE t ALTER e SET DEFAULT (CONCAT('x', '''', "q")), ALTER n SET DEFAULT 9;
-- [shown and hidden]
ALTER TABLE t ALTER COLUMN inv SET VISIBLE, ALTER COLUMN v SET INVISIBLE; UPDATE t SET inv = 8;
-- [drop hidden]
ALTER TABLE t DROP COLUMN inv, DROP COLUMN e, DROP COLUMN b;
-- [checks]
ALTER TABLE t ALTER CHECK c1 NOT ENFORCED, DROP CHECK c2, ADD CONSTRAINT c2 CHECK (v <> 'worse' OR n IN (1, 2, NULL)) NOT ENFORCED, ADD CHECK (JSON_VALID(j) OR j IS NULL);
-- [enforced]
UPDATE t SET v = 'good' WHERE v = 'bad'; ALTER TABLE t ALTER CHECK c2 ENFORCED; DELETE FROM t WHERE id = 1;
-- [compression away]
ALTER TABLE ts COMPRESSION='none';
-- [compression empty]
ALTER TABLE ts COMPRESSION='', ADD COLUMN x INT;
-- [attributes] expect=warned
ALTER TABLE ts SECONDARY_ENGINE_ATTRIBUTE='{"a": "b''c"}', ADD COLUMN x INT SECONDARY_ENGINE_ATTRIBUTE='{"x": 1}', ADD KEY (v) SECONDARY_ENGINE_ATTRIBUTE='{"y": 1}';
-- [extend size]
ALTER TABLE ts AUTOEXTEND_SIZE=8M;
-- [extend size away]
ALTER TABLE ts AUTOEXTEND_SIZE=0;
-- [drop with attributes]
DROP TABLE ts; CREATE TABLE ts (id INT);
-- [truncate with attributes]
TRUNCATE TABLE ts; INSERT INTO ts VALUES (8, 8);
-- [tablespace] expect=warned
ALTER TABLE ti TABLESPACE innodb_system;
-- [tablespace of its own]
CREATE TABLE fresh (id INT PRIMARY KEY) TABLESPACE innodb_file_per_table; ALTER TABLE fresh TABLESPACE innodb_system; DROP TABLE fresh;
-- [instant again]
ALTER TABLE ti ADD COLUMN x INT DEFAULT 3, ALGORITHM=INSTANT; ALTER TABLE ti DROP COLUMN a, ALGORITHM=INSTANT; ALTER TABLE ti ADD COLUMN a VARCHAR(9) DEFAULT 'q' AFTER id, ALGORITHM=INSTANT; UPDATE ti SET a = 'z' WHERE id = 1; ALTER TABLE ti RENAME COLUMN a TO v, ALGORITHM=INSTANT;
-- [instant dropped]
ALTER TABLE ti DROP COLUMN a, ALGORITHM=INSTANT;
-- [column storage words]
ALTER TABLE ti ADD COLUMN x INT COLUMN_FORMAT DYNAMIC STORAGE DISK, MODIFY a INT DEFAULT 7 COLUMN_FORMAT FIXED;
-- [ngram]
ALTER TABLE t ADD FULLTEXT KEY ft (v) WITH PARSER ngram; ALTER TABLE t DROP KEY ft;
-- [serial] expect=warned
ALTER TABLE nopk ADD COLUMN s SERIAL FIRST; DELETE FROM nopk WHERE s = 2; ALTER TABLE nopk DROP COLUMN a;
-- [inline foreign key]
CREATE TABLE kid (id INT PRIMARY KEY, p INT REFERENCES t (id)); INSERT INTO kid VALUES (1, 1); ALTER TABLE kid ADD COLUMN p2 INT REFERENCES t (id); DROP TABLE kid;
-- [table statement]
CREATE TABLE fresh TABLE ti; CREATE TABLE fresh2 (PRIMARY KEY (column_0)) VALUES ROW (1), ROW (2);
-- [create select of odd types]
CREATE TABLE fresh (PRIMARY KEY (id)) AS SELECT id, j, w, q, g, b, 1.50 AS de, NOW(3) AS at, NULL AS nu, 'x' AS ch, x'00' AS bi FROM t; UPDATE fresh SET ch = 'y' WHERE id = 1; ALTER TABLE fresh DROP COLUMN j, DROP COLUMN w;
-- [start transaction] expect=refused
CREATE TABLE fresh START TRANSACTION AS SELECT 1 AS x;
-- [secondary engine] expect=warned
ALTER TABLE ti SECONDARY_ENGINE=rapid;
-- [validation]
ALTER TABLE t ADD COLUMN vg INT AS (n + 1) VIRTUAL, WITH VALIDATION;
-- [create like with everything]
CREATE TABLE fresh LIKE t; ALTER TABLE fresh DROP KEY mv, DROP COLUMN g; INSERT INTO fresh (q, v) VALUES (ST_GeomFromText('POINT(1 2)', 4326), 'x'); TRUNCATE fresh; DROP TABLE fresh;

-- title: foreign keys, checks and views of every other kind
-- [make]
CREATE TABLE par (a INT NOT NULL, b VARCHAR(10) NOT NULL, c INT, PRIMARY KEY (a, b), UNIQUE KEY uc (c), KEY kb (b, a));
CREATE TABLE kid (id INT PRIMARY KEY, a INT, b VARCHAR(10), c INT, up INT, n INT, CONSTRAINT `f 1` FOREIGN KEY (a, b) REFERENCES par (a, b) ON UPDATE CASCADE ON DELETE SET NULL, CONSTRAINT f2 FOREIGN KEY (up) REFERENCES kid (id) ON DELETE CASCADE, CONSTRAINT f3 FOREIGN KEY (c) REFERENCES par (c), CONSTRAINT ck CHECK (n > 0 AND (n < 10 OR n IN (77, 88))));
CREATE TABLE grand (id INT PRIMARY KEY, k INT, CONSTRAINT g1 FOREIGN KEY (k) REFERENCES kid (id));
INSERT INTO par VALUES (1, 'x', 5), (2, 'y', NULL), (1, 'z', 6);
INSERT INTO kid VALUES (1, 1, 'x', 5, NULL, 5), (2, 2, 'y', NULL, 1, 77), (3, NULL, 'q', 6, 2, NULL);
INSERT INTO grand VALUES (1, 1), (2, 3);
CREATE SQL SECURITY INVOKER VIEW v1 (`a b`, `c``d`) AS SELECT k.id, p.b FROM kid k LEFT JOIN par p ON p.a = k.a AND p.b = k.b WHERE k.n > 0 OR p.b LIKE '%\_''%';
CREATE VIEW v2 AS SELECT * FROM v1 WHERE `a b` IN (SELECT id FROM grand) UNION ALL SELECT 1, 'ü';
-- [drop and add under another name]
ALTER TABLE kid DROP FOREIGN KEY `f 1`, ADD CONSTRAINT f9 FOREIGN KEY (a, b) REFERENCES par (a, b) ON DELETE CASCADE;
-- [drop all and the parent] expect=warned
ALTER TABLE kid DROP FOREIGN KEY `f 1`, DROP FOREIGN KEY f3; DROP TABLE par;
-- [rename columns of many keys]
ALTER TABLE kid RENAME COLUMN id TO nr, RENAME COLUMN up TO above; ALTER TABLE par RENAME COLUMN b TO bb;
-- [rename columns of many keys by change] expect=stopped
ALTER TABLE kid CHANGE up above INT AFTER id, DROP CONSTRAINT ck, CHANGE n m INT;
-- [rename all three tables]
RENAME TABLE kid TO k2, par TO kid, grand TO par; ALTER TABLE k2 ADD COLUMN z INT; UPDATE k2 SET z = 1;
-- [rename self referring and add]
ALTER TABLE kid RENAME TO `kid 2`, ADD COLUMN z INT, DROP FOREIGN KEY f2;
-- [self referring key again]
ALTER TABLE kid DROP FOREIGN KEY f2, DROP COLUMN up; ALTER TABLE kid ADD COLUMN up BIGINT;
-- [self referring key by another column] servers=mysql
ALTER TABLE kid ADD UNIQUE KEY un (n), ADD COLUMN m INT, ADD CONSTRAINT f7 FOREIGN KEY (m) REFERENCES kid (n);
-- [wider key columns]
ALTER TABLE par ADD COLUMN z INT FIRST, MODIFY c INT AFTER z;
-- [index of the parent replaced]
ALTER TABLE par ADD UNIQUE KEY uc2 (c, a); ALTER TABLE par DROP KEY kb, ADD KEY kb (b);
-- [index of the child replaced]
ALTER TABLE kid ADD KEY own (c, n), DROP KEY f3;
-- [index of the child made longer]
ALTER TABLE kid DROP KEY f3, ADD KEY f3 (c, n);
-- [check replaced]
ALTER TABLE kid DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (n > 0), ADD CONSTRAINT c0 CHECK (id > -5);
-- [columns of the view go]
ALTER TABLE kid DROP FOREIGN KEY `f 1`, DROP COLUMN b; ALTER TABLE kid ADD COLUMN b INT; UPDATE kid SET b = 1;
-- [view of views replaced]
CREATE OR REPLACE SQL SECURITY INVOKER VIEW v1 (`a b`, `c``d`) AS SELECT 1, '\'' FROM par; ALTER SQL SECURITY INVOKER VIEW v2 AS SELECT `c``d` FROM v1; DROP VIEW v1;
-- [views dropped and a table in their place]
DROP VIEW v2, v1; CREATE TABLE v1 (`a b` INT); INSERT INTO v1 VALUES (1); ALTER TABLE v1 RENAME TO v2;
-- [view renamed into the place of a table]
RENAME TABLE v1 TO tmp, grand TO v1, tmp TO grand2; RENAME TABLE v2 TO v9;
-- [view with a window]
CREATE SQL SECURITY INVOKER VIEW v3 AS WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT r.x, ROW_NUMBER() OVER (PARTITION BY k.a ORDER BY k.id) AS `row` FROM r JOIN kid k; DROP VIEW v3; ALTER TABLE kid DROP CONSTRAINT ck;
-- [truncate the grandchild]
TRUNCATE grand; DROP TABLE grand; CREATE TABLE grand (id INT PRIMARY KEY, k INT, CONSTRAINT g1 FOREIGN KEY (k) REFERENCES kid (id) ON DELETE CASCADE); INSERT INTO grand VALUES (9, 2);
-- [copy of a child]
CREATE TABLE copy LIKE kid; ALTER TABLE copy ADD CONSTRAINT f22 FOREIGN KEY (c) REFERENCES par (c); INSERT INTO copy SELECT * FROM kid; DROP TABLE copy;
-- [primary key of a parent]
UPDATE kid SET n = 3 WHERE n IS NULL; ALTER TABLE grand DROP FOREIGN KEY g1; ALTER TABLE kid DROP FOREIGN KEY f2; ALTER TABLE kid DROP PRIMARY KEY, ADD PRIMARY KEY (id, n), MODIFY n INT NOT NULL DEFAULT 0;

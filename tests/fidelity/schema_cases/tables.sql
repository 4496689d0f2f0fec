-- title: tables made, taken away, renamed and emptied
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), n INT, KEY by_n (n)) AUTO_INCREMENT=50;
INSERT INTO t (v, n) VALUES ('a', 1), ('b', 2), ('c', NULL);
CREATE TABLE u (id INT PRIMARY KEY, x GEOMETRY);
INSERT INTO u VALUES (1, ST_GeomFromText('POINT(1 1)'));
CREATE TABLE parent (id INT PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT of_p FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO child VALUES (1, 1), (2, 2), (3, NULL);
CREATE TABLE hooked (id INT PRIMARY KEY, v INT);
INSERT INTO hooked VALUES (1, 1);
CREATE TRIGGER on_hooked BEFORE UPDATE ON hooked FOR EACH ROW SET NEW.v = NEW.v + 0;
CREATE TABLE keyless (a INT, b VARCHAR(5));
INSERT INTO keyless VALUES (1, 'x'), (1, 'x'), (2, NULL);
-- [create]
CREATE TABLE fresh (id INT PRIMARY KEY, v VARCHAR(5) NOT NULL DEFAULT '', KEY (v)) COMMENT='x';
-- [create and fill]
CREATE TABLE fresh (id INT PRIMARY KEY); INSERT INTO fresh VALUES (1), (2); UPDATE fresh SET id = 3 WHERE id = 1;
-- [create like]
CREATE TABLE fresh LIKE t;
-- [create select]
CREATE TABLE fresh AS SELECT * FROM t;
-- [create select with a key]
CREATE TABLE fresh (PRIMARY KEY (id), KEY (n)) SELECT id, n, CONCAT(v, '!') AS w FROM t; UPDATE fresh SET n = 9 WHERE id = 50; DELETE FROM fresh WHERE id = 51;
-- [create select without rows]
CREATE TABLE fresh AS SELECT * FROM t WHERE id < 0;
-- [create if not exists]
CREATE TABLE IF NOT EXISTS t (x INT);
-- [create if not exists that is new]
CREATE TABLE IF NOT EXISTS fresh (x INT);
-- [create if not exists like]
CREATE TABLE IF NOT EXISTS t LIKE u;
-- [create if not exists select of one that is there]
CREATE TABLE IF NOT EXISTS t AS SELECT 70 AS id, 'x' AS v, 2 AS n;
-- [create if not exists select of one that is new]
CREATE TABLE IF NOT EXISTS fresh AS SELECT 70 AS id, 'x' AS v, 2 AS n; UPDATE fresh SET n = 3;
-- [create like a child]
CREATE TABLE fresh LIKE child; INSERT INTO fresh VALUES (9, 9); ALTER TABLE fresh ADD KEY (p), DROP PRIMARY KEY;
-- [create like one with a trigger]
CREATE TABLE fresh LIKE hooked; INSERT INTO fresh SELECT * FROM hooked; UPDATE fresh SET v = 3;
-- [create select ignore]
CREATE TABLE fresh (id INT PRIMARY KEY) IGNORE SELECT a AS id FROM keyless;
-- [create or replace that is new] servers=mariadb
CREATE OR REPLACE TABLE fresh (x INT);
-- [create or replace] servers=mariadb expect=warned
CREATE OR REPLACE TABLE t (x INT);
-- [rename]
RENAME TABLE t TO t2;
-- [rename several]
RENAME TABLE t TO t2, u TO u2;
-- [swap]
RENAME TABLE t TO tmp, u TO t, tmp TO u;
-- [rename round]
RENAME TABLE t TO tmp, keyless TO t, u TO keyless, tmp TO u;
-- [rename with a trigger]
RENAME TABLE hooked TO unhooked;
-- [rename to other case]
RENAME TABLE t TO T;
-- [rename by alter]
ALTER TABLE t RENAME TO t2;
-- [rename by alter and more]
ALTER TABLE t RENAME TO t2, ADD COLUMN x INT FIRST, DROP KEY by_n;
-- [rename and rename back]
RENAME TABLE t TO t2; UPDATE t2 SET v = 'z'; RENAME TABLE t2 TO t;
-- [rename if exists] servers=mariadb
RENAME TABLE IF EXISTS nothing TO anything;
-- [drop]
DROP TABLE t;
-- [drop if exists]
DROP TABLE IF EXISTS nothing;
-- [drop several]
DROP TABLE t, u;
-- [drop a child]
DROP TABLE child;
-- [drop with a trigger]
DROP TABLE hooked;
-- [drop what the ticket made]
CREATE TABLE fresh (id INT PRIMARY KEY); DROP TABLE fresh;
-- [truncate]
TRUNCATE TABLE t;
-- [truncate a child]
TRUNCATE child;
-- [truncate with a trigger]
TRUNCATE TABLE hooked;
-- [truncate without a key]
TRUNCATE keyless;

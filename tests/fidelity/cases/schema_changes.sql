-- title: schema changes, with and without a way back
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n INT, INDEX by_n (n));
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);
CREATE VIEW w AS SELECT id FROM t;
-- [create]
CREATE TABLE fresh (id INT PRIMARY KEY);
-- [create like]
CREATE TABLE fresh LIKE t;
-- [create and fill]
CREATE TABLE fresh (id INT PRIMARY KEY); INSERT INTO fresh VALUES (1), (2);
-- [create select]
CREATE TABLE fresh AS SELECT * FROM t;
-- [add column]
ALTER TABLE t ADD COLUMN extra INT DEFAULT 5;
-- [add column first]
ALTER TABLE t ADD COLUMN extra INT FIRST, ADD COLUMN more INT AFTER id;
-- [add index]
ALTER TABLE t ADD INDEX by_v (v);
-- [create index]
CREATE UNIQUE INDEX by_v ON t (v);
-- [rename]
RENAME TABLE t TO other;
-- [swap by rename]
CREATE TABLE s (id INT PRIMARY KEY); RENAME TABLE t TO x, s TO t, x TO s;
-- [create view]
CREATE SQL SECURITY INVOKER VIEW fresh AS SELECT id FROM t;
-- [change, alter, change]
UPDATE t SET v = 'x'; ALTER TABLE t ADD COLUMN extra INT; UPDATE t SET extra = id, n = 0; DELETE FROM t WHERE id = 1;
-- [drop column]
ALTER TABLE t DROP COLUMN n;
-- [narrow]
ALTER TABLE t MODIFY v VARCHAR(1);
-- [widen]
ALTER TABLE t MODIFY v VARCHAR(100);
-- [rename column]
ALTER TABLE t RENAME COLUMN n TO m;
-- [drop index]
DROP INDEX by_n ON t;
-- [drop table]
DROP TABLE t;
-- [drop view]
DROP VIEW w;
-- [truncate]
TRUNCATE TABLE t;
-- [truncate short]
TRUNCATE t;

-- title: calculated values that were calculated in another session
-- [make]
SET SESSION time_zone = '+05:00';
CREATE TABLE s (id INT PRIMARY KEY, ts TIMESTAMP NULL, g INT AS (HOUR(ts)) STORED, v INT AS (HOUR(ts)) VIRTUAL, w INT, x VARCHAR(20));
INSERT INTO s (id, ts, w, x) VALUES (1, '2020-01-01 00:00:00', 1, 'long enough');
CREATE TABLE fine (id INT PRIMARY KEY, dt DATETIME, g INT AS (HOUR(dt)) STORED, w INT);
INSERT INTO fine (id, dt, w) VALUES (1, '2020-01-01 00:00:00', 1);
CREATE TABLE same (id INT PRIMARY KEY, ts TIMESTAMP NULL, g INT AS (MINUTE(ts)) STORED, w INT);
INSERT INTO same (id, ts, w) VALUES (1, '2020-01-01 00:07:00', 1);
SET SESSION time_zone = '+00:00';
-- [copied] expect=warned
ALTER TABLE s MODIFY w BIGINT;
-- [instant] expect=warned
ALTER TABLE s ADD COLUMN y INT;
-- [dropped] expect=warned
ALTER TABLE s DROP COLUMN g;
-- [moved] expect=warned
ALTER TABLE s MODIFY g INT AS (HOUR(ts)) STORED FIRST;
-- [made plain] expect=warned
ALTER TABLE s MODIFY g INT;
-- [engine] expect=warned
ALTER TABLE s ENGINE=MyISAM;
-- [index] expect=warned
CREATE INDEX kx ON s (w);
-- [drop and truncate]
TRUNCATE TABLE s; INSERT INTO s (id) VALUES (1); DROP TABLE s;
-- [renamed]
RENAME TABLE s TO s2;
-- [from a DATETIME]
ALTER TABLE fine MODIFY w BIGINT; ALTER TABLE fine DROP COLUMN g;
-- [the same in every zone]
ALTER TABLE same MODIFY w BIGINT; ALTER TABLE same DROP COLUMN g;

-- title: values that hardly any table should hold
-- global: sql_mode = 'STRICT_TRANS_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'
-- [make]
SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE z (id INT NOT NULL PRIMARY KEY, d DATE NOT NULL DEFAULT '0000-00-00', dt DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', ts TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', e ENUM('a','b') NOT NULL, e2 ENUM('a','b') NULL, y YEAR, tm TIME, s SET('a','b'), f FLOAT, dbl DOUBLE, c CHAR(5), vb VARBINARY(5), v VARCHAR(5) NOT NULL DEFAULT '');
INSERT INTO z VALUES (0, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 0, 0, 0, '-838:59:59', 0, -0.0, -0.0, ' ', ' ', ' '), (5, '2020-00-10', '2020-02-31 10:00:00', '1970-01-01 00:00:01', 'b', NULL, 2155, '838:59:59', NULL, 3.4e38, 1e308, 'a', x'00', 'a '), (-7, '9999-12-31', '2020-00-00 00:00:00', '2038-01-19 03:14:07', '', 'a', NULL, NULL, 'a,b', 1e-40, 5e-324, '', '', 'A');
CREATE TABLE plain (id INT NOT NULL PRIMARY KEY, v INT);
INSERT INTO plain VALUES (0, 1), (5, 0);
CREATE TABLE counted (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO counted VALUES (0, 1), (-5, 2), (3, 3);
CREATE TABLE c (id INT PRIMARY KEY, l2 VARCHAR(40) CHARACTER SET latin2, l5 VARCHAR(40) CHARACTER SET latin5, l7 VARCHAR(40) CHARACTER SET latin7, p0 VARCHAR(40) CHARACTER SET cp1250, p1 VARCHAR(40) CHARACTER SET cp1251, p6 VARCHAR(40) CHARACTER SET cp1256, p7 VARCHAR(40) CHARACTER SET cp1257, l1 VARCHAR(40) CHARACTER SET latin1, sj VARCHAR(40) CHARACTER SET sjis, gb VARCHAR(40) CHARACTER SET gbk, u3 VARCHAR(40) CHARACTER SET utf8mb3, u16 VARCHAR(40) CHARACTER SET utf16);
INSERT INTO c (id, l2, l5, l7, p0, p1, p6, p7, l1) VALUES (1, x'80818283848586878889', x'80818283848586878889', x'80818283848586878889', x'80828485868789', x'8082848586878889', x'80818283848586878889', x'80828485868789', x'80818283848586878889'), (2, x'A0A1A2A3A4A5A6A7FF', x'A0A1A2A3A4A5A6A7FF', x'A0A3A4A6A7FE', x'A0A1A2A3A4A5A6A7FF', x'A0A1A2A3A4A5A6A7FF', x'A0A1A2A3A4A5A6A7FE', x'A0A2A3A4A6A7FF', x'A0A1A2A3A4A5A6A7FF');
SET SESSION sql_mode = DEFAULT;
-- [give a counter to a key with a 0] expect=warned
ALTER TABLE z MODIFY id INT NOT NULL AUTO_INCREMENT;
-- [give a counter to a plain key with a 0] expect=warned
ALTER TABLE plain MODIFY id INT NOT NULL AUTO_INCREMENT;
-- [give a counter to a renamed key with a 0] expect=warned
ALTER TABLE plain CHANGE id num INT NOT NULL AUTO_INCREMENT;
-- [give a counter when the 0 is gone]
DELETE FROM plain WHERE id = 0; ALTER TABLE plain MODIFY v INT NOT NULL;
-- [give a counter to a key without a 0]
ALTER TABLE plain AUTO_INCREMENT = 9, MODIFY v BIGINT;
-- [give a new key a counter] expect=warned
ALTER TABLE counted DROP PRIMARY KEY, MODIFY id INT NULL, ADD COLUMN n INT NOT NULL AUTO_INCREMENT PRIMARY KEY;
-- [take a counter from a key with a 0]
ALTER TABLE counted MODIFY id BIGINT NOT NULL; UPDATE counted SET v = 9 WHERE id = 0;
-- [engine of a table with a 0]
ALTER TABLE counted ENGINE=InnoDB, FORCE; ALTER TABLE counted ADD COLUMN x INT FIRST, ALGORITHM=COPY;
-- [drop zero dates]
ALTER TABLE z DROP COLUMN d, DROP COLUMN dt, DROP COLUMN ts;
-- [drop members that are none]
ALTER TABLE z DROP COLUMN e, DROP COLUMN e2, DROP COLUMN s;
-- [drop the rest]
ALTER TABLE z DROP COLUMN y, DROP COLUMN tm, DROP COLUMN f, DROP COLUMN dbl, DROP COLUMN c, DROP COLUMN vb, DROP COLUMN v;
-- [truncate zero dates]
TRUNCATE TABLE z; INSERT INTO z (id, d, dt, ts, e) VALUES (1, '2020-01-01', '2020-01-01', '2020-01-01', 'a');
-- [drop a table with a 0]
DROP TABLE counted, z;
-- [date to datetime and zero dates]
ALTER TABLE z MODIFY d DATETIME NOT NULL;
-- [finer times and zero dates]
ALTER TABLE z MODIFY dt DATETIME(6) NOT NULL, MODIFY ts TIMESTAMP(6) NOT NULL DEFAULT '2020-01-01', MODIFY tm TIME(6);
-- [more members]
ALTER TABLE z MODIFY e ENUM('a','b','c') NOT NULL, MODIFY e2 ENUM('a','b','','d');
-- [members in another order]
ALTER TABLE z MODIFY e ENUM('b','a') NOT NULL;
-- [an empty member]
ALTER TABLE z MODIFY e ENUM('','a','b') NOT NULL;
-- [floats to doubles]
ALTER TABLE z MODIFY f DOUBLE; UPDATE z SET dbl = 1 WHERE id = 5;
-- [unique upon spaces]
ALTER TABLE z MODIFY v VARCHAR(9) COLLATE utf8mb4_bin NOT NULL DEFAULT '', ADD UNIQUE KEY uv (v), MODIFY c VARCHAR(9);
-- [comments only]
ALTER TABLE z MODIFY y YEAR COMMENT 'x', COMMENT 'y', ALTER v SET DEFAULT 'z';
-- [copy of it all]
CREATE TABLE z2 LIKE z; INSERT INTO z2 (id, d, dt, ts, e) VALUES (0, '2020-01-01', '2020-01-01', '2020-01-01', 'b'); ALTER TABLE z2 ADD COLUMN x INT FIRST;
-- [single bytes to unicode one]
ALTER TABLE c MODIFY l2 VARCHAR(40) CHARACTER SET utf8mb4;
-- [single bytes to unicode two]
ALTER TABLE c MODIFY l5 VARCHAR(40) CHARACTER SET utf8mb4;
-- [single bytes to unicode three]
ALTER TABLE c MODIFY l7 VARCHAR(40) CHARACTER SET utf8mb4;
-- [single bytes to unicode four]
ALTER TABLE c MODIFY p0 VARCHAR(40) CHARACTER SET utf8mb4;
-- [single bytes to unicode five]
ALTER TABLE c MODIFY p1 VARCHAR(40) CHARACTER SET utf8mb4;
-- [single bytes to unicode six]
ALTER TABLE c MODIFY p6 VARCHAR(40) CHARACTER SET utf16;
-- [single bytes to unicode seven]
ALTER TABLE c MODIFY p7 VARCHAR(40) CHARACTER SET utf32;
-- [single bytes to unicode eight]
ALTER TABLE c MODIFY l1 VARCHAR(40) CHARACTER SET utf8mb3;
-- [convert all] expect=warned
ALTER TABLE c CONVERT TO CHARACTER SET utf8mb4;
-- [drop columns of many character sets]
ALTER TABLE c DROP COLUMN l2, DROP COLUMN l5, DROP COLUMN l7, DROP COLUMN p0, DROP COLUMN p1, DROP COLUMN p7, DROP COLUMN gb, DROP COLUMN p6, DROP COLUMN sj, DROP COLUMN u16, CONVERT TO CHARACTER SET latin1;

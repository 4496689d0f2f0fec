-- title: tables with triggers
-- [make]
CREATE TABLE log (n INT PRIMARY KEY AUTO_INCREMENT, what TEXT);
CREATE TABLE up (id INT PRIMARY KEY);
INSERT INTO up VALUES (1), (2);
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, u INT, v VARCHAR(30) COLLATE utf8mb4_bin, d DECIMAL(6,2) DEFAULT 1.5, g INT GENERATED ALWAYS AS (LENGTH(v)) STORED, UNIQUE KEY by_v (v), CONSTRAINT of_up FOREIGN KEY (u) REFERENCES up (id) ON DELETE SET NULL, CONSTRAINT small CHECK (d < 100), CHECK (v <> 'no')) AUTO_INCREMENT=40 COMMENT='with ''all''';
CREATE TABLE `we``ird %s` (id INT PRIMARY KEY, `a``%s` TEXT);
INSERT INTO `we``ird %s` VALUES (1, 'é'), (2, NULL);
CREATE TRIGGER b_second BEFORE INSERT ON t FOR EACH ROW SET NEW.v = CONCAT(NEW.v, '2');
CREATE TRIGGER b_first BEFORE INSERT ON t FOR EACH ROW PRECEDES b_second SET NEW.v = CONCAT(NEW.v, 'é1');
CREATE TRIGGER b_third BEFORE INSERT ON t FOR EACH ROW FOLLOWS b_second SET NEW.v = CONCAT(NEW.v, '3');
CREATE TRIGGER u_after AFTER UPDATE ON t FOR EACH ROW INSERT INTO log (what) VALUES (CONCAT(OLD.id, '\'"\\%s', NEW.id));
CREATE TRIGGER d_before BEFORE DELETE ON t FOR EACH ROW SET @gone = OLD.id;
CREATE DEFINER=`somebody else`@`%.example.com` TRIGGER d_after AFTER DELETE ON t FOR EACH ROW DELETE FROM log WHERE n = OLD.id;
CREATE TRIGGER `odd ``name %s` BEFORE UPDATE ON `we``ird %s` FOR EACH ROW SET NEW.`a``%s` = CONCAT(OLD.`a``%s`, '!');
CREATE TRIGGER of_up AFTER INSERT ON up FOR EACH ROW INSERT INTO log (what) VALUES (NEW.id);
INSERT INTO t (u, v, d) VALUES (1, 'x', 99.99), (NULL, 'y', -1), (2, NULL, NULL);
CREATE VIEW seen AS SELECT id, v FROM t;
-- [truncate]
TRUNCATE TABLE t;
-- [drop]
DROP TABLE t;
-- [drop with a view that reads it]
DROP VIEW seen; DROP TABLE IF EXISTS t;
-- [drop all of them]
DROP TABLE t, up, log, `we``ird %s`;
-- [truncate one with odd names]
TRUNCATE `we``ird %s`;
-- [drop one with odd names]
DROP TABLE `we``ird %s`;
-- [truncate twice]
TRUNCATE t; TRUNCATE t;
-- [truncate and drop]
TRUNCATE t; DROP TABLE t;
-- [truncate and fill]
TRUNCATE `we``ird %s`; INSERT INTO `we``ird %s` VALUES (1, 'new'), (9, 'nine');
-- [drop and make one of another kind]
DROP TABLE t; CREATE TABLE t (id INT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'z'), (2, 'z');
-- [change and truncate]
ALTER TABLE t ADD COLUMN more INT DEFAULT 3, DROP CONSTRAINT small; TRUNCATE t;
-- [truncate and change]
TRUNCATE t; ALTER TABLE t ADD COLUMN more INT DEFAULT 3, MODIFY v TEXT COLLATE utf8mb4_bin, DROP KEY by_v, DROP CONSTRAINT small;
-- [rename and drop]
RENAME TABLE t TO t9; DROP TABLE t9;
-- [drop and move another to its name]
DROP TABLE t; RENAME TABLE `we``ird %s` TO t;
-- [truncate one that is partitioned]
ALTER TABLE `we``ird %s` PARTITION BY KEY (id) PARTITIONS 3; TRUNCATE `we``ird %s`;
-- [truncate one whose child goes first] expect=warned
ALTER TABLE t DROP FOREIGN KEY of_up; TRUNCATE up;
-- [add columns that triggers do not know]
ALTER TABLE t ADD COLUMN more INT DEFAULT 3 FIRST; ALTER TABLE up ADD COLUMN x TEXT;

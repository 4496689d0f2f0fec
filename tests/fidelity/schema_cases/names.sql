-- title: odd names
-- [make]
CREATE TABLE `a``b.c` (`id` INT PRIMARY KEY, `select` INT, `we``ird, (x)` VARCHAR(10) DEFAULT ')', `日本` INT, KEY `ke``y` (`we``ird, (x)`), CONSTRAINT `che``ck` CHECK (`select` > 0)) COMMENT=') ENGINE=x';
INSERT INTO `a``b.c` VALUES (1, 2, 'x', 3);
CREATE TABLE fidelity (id INT PRIMARY KEY, fidelity INT);
INSERT INTO fidelity VALUES (1, 1);
-- [add]
ALTER TABLE `a``b.c` ADD COLUMN `n``ew` INT AFTER `we``ird, (x)`, ADD INDEX `by``new` (`n``ew`);
-- [change]
ALTER TABLE `a``b.c` CHANGE `we``ird, (x)` `x` VARCHAR(20) DEFAULT '''', RENAME COLUMN `日本` TO `韓国`;
-- [drop key and check]
ALTER TABLE `a``b.c` DROP KEY `ke``y`, DROP CONSTRAINT `che``ck`;
-- [rename]
RENAME TABLE `a``b.c` TO `x``y.z`;
-- [rename to a new name with a point]
ALTER TABLE `a``b.c` RENAME TO `fidelity.x`, COMMENT 'y';
-- [qualified]
ALTER TABLE fidelity.fidelity ADD COLUMN x INT AFTER fidelity, COMMENT 'fidelity.fidelity';
-- [qualified view]
CREATE SQL SECURITY INVOKER VIEW fidelity.v AS SELECT fidelity.fidelity.fidelity FROM fidelity.fidelity WHERE fidelity.id = 1;
-- [qualified create like]
CREATE TABLE `fidelity`.`x` LIKE `fidelity`.`fidelity`;
-- [long names]
CREATE TABLE abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl (abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl INT, KEY abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl (abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl));

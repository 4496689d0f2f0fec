-- title: odd words, comments and names
-- [make]
CREATE TABLE `My Table.$x ü%s` (`Id` INT PRIMARY KEY, `key` ENUM('a''b','c,d','e ','ü','(','\\','"') DEFAULT 'c,d', `a%b` SET('x''','y"z','%s','é','-- ') DEFAULT 'x''', `dot.ted` VARCHAR(20) DEFAULT 'it''s 100% \\ "q"' COMMENT 'c\\d ''e'' "f" %s ` /* x */ -- y', `b``q` INT DEFAULT -3, `select` TEXT, KEY `in dex.%` (`dot.ted`, `b``q`), CONSTRAINT `chk.%s ü` CHECK (`b``q` < 100 AND `dot.ted` <> ')')) COMMENT='tab ''le'' \\ % /*! */';
INSERT INTO `My Table.$x ü%s` VALUES (1, 'a''b', 'x'',%s', 'va''l', 1, 'one'), (2, 'e ', '', '100%', NULL, NULL), (3, '\\', 'y"z,-- ', '', 99, '%s %% \\');
CREATE TABLE ÜBER (id INT PRIMARY KEY, `größe` INT, KEY `schlüssel` (`größe`));
INSERT INTO ÜBER VALUES (1, 1), (2, 2);
CREATE TABLE `1.5e3` (`1` INT PRIMARY KEY, `2e3` INT);
INSERT INTO `1.5e3` VALUES (1, 1);
CREATE TABLE `group` (`order` INT PRIMARY KEY, `table` VARCHAR(9), `primary` INT, KEY `key` (`primary`));
INSERT INTO `group` VALUES (1, 'x', 1), (2, 'y', 2);
-- [enum words appended]
ALTER TABLE `My Table.$x ü%s` MODIFY `key` ENUM('a''b','c,d','e ','ü','(','\\','"',')') DEFAULT 'c,d';
-- [enum words removed]
ALTER TABLE `My Table.$x ü%s` MODIFY `key` ENUM('c,d','a''b','e','\\','"') DEFAULT NULL;
-- [set words in another order]
ALTER TABLE `My Table.$x ü%s` MODIFY `a%b` SET('é','-- ','%s','y"z','x''','new');
-- [drop odd columns]
ALTER TABLE `My Table.$x ü%s` DROP COLUMN `key`, DROP COLUMN `a%b`, DROP COLUMN `select`;
-- [rename odd columns]
ALTER TABLE `My Table.$x ü%s` DROP CONSTRAINT `chk.%s ü`, CHANGE `dot.ted` `x.y``z ü` VARCHAR(20) DEFAULT 'it''s 100% \\ "q"' COMMENT 'c\\d ''e'' "f" %s ` /* x */ -- y';
-- [narrow odd columns]
UPDATE `My Table.$x ü%s` SET `dot.ted` = LEFT(`dot.ted`, 3); ALTER TABLE `My Table.$x ü%s` MODIFY `dot.ted` VARCHAR(3) DEFAULT '%s' COMMENT '%', MODIFY `b``q` TINYINT DEFAULT -3 FIRST; UPDATE `My Table.$x ü%s` SET `dot.ted` = '%d' WHERE `Id` = 2;
-- [odd check and index]
ALTER TABLE `My Table.$x ü%s` DROP CONSTRAINT `chk.%s ü`, DROP KEY `in dex.%`, ADD CONSTRAINT `%` CHECK (`dot.ted` <> '%s''' OR `key` = 'a''b'), ADD KEY `%s` (`b``q`);
-- [rename the odd table]
RENAME TABLE `My Table.$x ü%s` TO `an ``other.%s`; UPDATE `an ``other.%s` SET `b``q` = 5 WHERE `Id` = 2; ALTER TABLE `an ``other.%s` COMMENT 'x', DROP COLUMN `b``q`, DROP CONSTRAINT `chk.%s ü`, DROP KEY `in dex.%`;
-- [drop the odd table]
DROP TABLE `My Table.$x ü%s`, ÜBER, `1.5e3`;
-- [truncate the odd table]
TRUNCATE TABLE `My Table.$x ü%s`; INSERT INTO `My Table.$x ü%s` (`Id`) VALUES (8); TRUNCATE ÜBER;
-- [unicode names]
ALTER TABLE ÜBER CHANGE `größe` `GRÖSSE` BIGINT, RENAME INDEX `schlüssel` TO `ключ`, ADD COLUMN `日本 語` INT AFTER id; UPDATE ÜBER SET `日本 語` = 1;
-- [numbers as names]
ALTER TABLE `1.5e3` CHANGE `2e3` `3` BIGINT, ADD COLUMN `4e` INT, ADD KEY `5` (`3`, `4e`); UPDATE `1.5e3` SET `4e` = 4;
-- [reserved words]
ALTER TABLE `group` RENAME COLUMN `table` TO `column`, ADD COLUMN `foreign` INT, ADD CONSTRAINT `check` CHECK (`foreign` > 0), ADD UNIQUE KEY `unique` (`foreign`), RENAME TO `references`; UPDATE `references` SET `foreign` = `order`;
-- [longest comments]
ALTER TABLE `group` COMMENT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa''\\', MODIFY `table` VARCHAR(9) COMMENT 'a
b\tc\0d\Z\r\n ''''\\\\';
-- [comment with control characters, and back]
ALTER TABLE `group` MODIFY `table` VARCHAR(9) DEFAULT 'a\nb\t' COMMENT 'x\ny\\n'; ALTER TABLE `group` MODIFY `table` VARCHAR(8) DEFAULT '\\'; ALTER TABLE `group` DROP COLUMN `table`;
-- [default of odd characters]
ALTER TABLE `group` ADD COLUMN n VARCHAR(40) DEFAULT 'a\\''"%`é😀\n', ADD COLUMN m ENUM('\n','\\','''') DEFAULT '\\'; ALTER TABLE `group` ALTER n SET DEFAULT '%s', ALTER m SET DEFAULT '\n';
-- [index name like the column of another table]
ALTER TABLE `group` RENAME INDEX `key` TO `PRIMARY KEY`, ADD KEY `order` (`table`); ALTER TABLE `group` DROP KEY `order`;

-- title: identifiers with backticks, dots, percent signs, markup, 64 letters, reserved words
-- [make]
CREATE TABLE `a``b.c%s <i>"x'y` (`i``d` INT PRIMARY KEY, `%(name)s` INT, `a.b` VARCHAR(10), `select` INT, ` lead` INT, `$_` INT);
INSERT INTO `a``b.c%s <i>"x'y` VALUES (1, 1, 'x', 1, 1, 1), (2, 2, 'y', 2, 2, 2);
CREATE TABLE `n234567890123456789012345678901234567890123456789012345678901234` (`c234567890123456789012345678901234567890123456789012345678901234` INT PRIMARY KEY, v INT);
INSERT INTO `n234567890123456789012345678901234567890123456789012345678901234` VALUES (1, 1);
CREATE TABLE `größe 日本` (`schlüssel` INT PRIMARY KEY, `wert €` VARCHAR(10));
INSERT INTO `größe 日本` VALUES (1, 'x');
CREATE TABLE Abc (Id INT PRIMARY KEY, V INT);
CREATE TABLE aBC (iD INT PRIMARY KEY, v INT);
INSERT INTO Abc VALUES (1, 1);
INSERT INTO aBC VALUES (1, 2);
-- [odd letters update]
UPDATE `a``b.c%s <i>"x'y` SET `%(name)s` = 9, `a.b` = 'z', `select` = 8, ` lead` = 7, `$_` = 6;
-- [odd letters delete]
DELETE FROM `a``b.c%s <i>"x'y` WHERE `i``d` > 0;
-- [64 letters]
UPDATE `n234567890123456789012345678901234567890123456789012345678901234` SET v = 2;
-- [not ascii]
UPDATE `größe 日本` SET `wert €` = 'y';
-- [case pair]
UPDATE Abc SET V = 5; UPDATE aBC SET v = 6;

-- title: schemas themselves
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE DATABASE fidelity_there CHARACTER SET latin1;
-- [create]
CREATE DATABASE fidelity_new;
-- [create with options]
CREATE SCHEMA IF NOT EXISTS `fidelity_n``ew` DEFAULT CHARACTER SET = latin1 COLLATE latin1_bin;
-- [create with a comment] servers=mariadb
CREATE DATABASE fidelity_new COMMENT 'it''s \\ new';
-- [create encrypted by default] servers=mysql9.7
CREATE DATABASE fidelity_new ENCRYPTION = 'Y';
-- [create if not exists of one that is there]
CREATE DATABASE IF NOT EXISTS fidelity_there CHARACTER SET utf8mb4;
-- [create two, rows between]
CREATE DATABASE fidelity_x; UPDATE t SET v = 'c' WHERE id = 1; CREATE DATABASE fidelity_y;
-- [alter the character set]
ALTER DATABASE fidelity CHARACTER SET latin1;
-- [alter the collation alone]
ALTER SCHEMA `fidelity` COLLATE = utf8mb4_bin;
-- [alter without a name]
ALTER DATABASE DEFAULT CHARACTER SET utf16 COLLATE utf16_bin;
-- [alter the comment] servers=mariadb
ALTER DATABASE fidelity COMMENT 'x';
-- [alter the comment and the rest] servers=mariadb
ALTER DATABASE fidelity COMMENT 'x' CHARACTER SET latin1; ALTER DATABASE fidelity COMMENT = 'y '' \\ z';
-- [alter the encryption] servers=mysql9.7
ALTER DATABASE fidelity ENCRYPTION 'Y';
-- [alter, and a table by the new default]
ALTER DATABASE fidelity CHARACTER SET latin1; CREATE TABLE n (v VARCHAR(10)); ALTER TABLE t ADD COLUMN w VARCHAR(10), CONVERT TO CHARACTER SET latin1;
-- [alter to the same]
ALTER DATABASE fidelity CHARACTER SET utf8mb4;

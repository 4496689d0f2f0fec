-- title: values found again by odd keys
-- global: sql_mode = ''
-- [make]
CREATE TABLE en (k ENUM('','a','b') NOT NULL PRIMARY KEY, v VARCHAR(30), w INT);
INSERT INTO en VALUES (0, 'index zero', 1), ('', 'the member', 2), ('a', 'aa and aa', 3);
CREATE TABLE st (k SET('x','y') NOT NULL PRIMARY KEY, v VARCHAR(30), w INT);
INSERT INTO st VALUES ('', 'none at all', 1), ('x', 'x and more', 2), ('x,y', 'both of them', 3);
CREATE TABLE bi (k BIT(33) NOT NULL, y YEAR NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (k, y));
INSERT INTO bi VALUES (b'0', 0, 'none at all', 1), (b'1', 1970, 'one and more', 2), (b'111111111111111111111111111111111', 0, 'both of them', 3);
CREATE TABLE fl (k FLOAT NOT NULL, d DOUBLE NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (k, d));
INSERT INTO fl VALUES (0.1, 0.1, 'a tenth', 1), (1e30, -1e300, 'large one', 2), (16777217, 0.30000000000000004, 'odd ones', 3), (-0.0, 3, 'negative zero', 4);
CREATE TABLE tm (k TIMESTAMP(2) NOT NULL DEFAULT '2000-01-01 00:00:00', d DATE NOT NULL, m TIME(3) NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (k, d, m));
INSERT INTO tm VALUES ('2020-03-29 02:30:00.01', '0000-00-00', '-10:00:00.001', 'spring time', 1), ('2020-10-25 01:30:00', '2020-00-10', '838:59:59', 'autumn time', 2), ('0000-00-00 00:00:00', '9999-12-31', '00:00:00', 'never time', 3);
CREATE TABLE ch (k CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, l VARCHAR(10) CHARACTER SET latin1 NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (k, l));
INSERT INTO ch VALUES ('a', 'é', 'one and one', 1), ('A', 'e', 'two and two', 2), ('', '', 'three and', 3), ('ß', '€', 'four and', 4);
CREATE TABLE de (k DECIMAL(30,10) NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (k DESC));
INSERT INTO de VALUES (12345678901234567890.0123456789, 'large one', 1), (-0.0000000001, 'small one', 2);
CREATE TABLE un (k BIGINT UNSIGNED NOT NULL, i BIGINT NOT NULL, v VARCHAR(30), w INT, PRIMARY KEY (i, k));
INSERT INTO un VALUES (18446744073709551615, -9223372036854775808, 'ends and', 1), (9223372036854775808, 0, 'middle and', 2);
-- [enum dropped] expect=warned
ALTER TABLE en DROP COLUMN v;
-- [enum narrowed] expect=warned
ALTER TABLE en MODIFY v VARCHAR(3), MODIFY w TINYINT;
-- [set]
ALTER TABLE st MODIFY v VARCHAR(3), DROP COLUMN w;
-- [bits and years]
ALTER TABLE bi MODIFY v VARCHAR(3), DROP COLUMN w;
-- [floats]
ALTER TABLE fl MODIFY v VARCHAR(3), DROP COLUMN w;
-- [times]
ALTER TABLE tm MODIFY v VARCHAR(3), DROP COLUMN w;
-- [characters]
ALTER TABLE ch MODIFY v VARCHAR(3), DROP COLUMN w;
-- [decimals]
ALTER TABLE de MODIFY v VARCHAR(3), DROP COLUMN w;
-- [numbers]
ALTER TABLE un MODIFY v VARCHAR(3), DROP COLUMN w;
-- [rows go and come under odd keys] expect=warned
ALTER TABLE en DROP COLUMN v, MODIFY w TINYINT; DELETE FROM en WHERE k = 'a'; UPDATE en SET w = 9 WHERE k = 'b'; INSERT INTO en (k, w) VALUES ('b', 4);
-- [key moved and rows narrowed]
ALTER TABLE bi MODIFY y YEAR NOT NULL FIRST, MODIFY v VARCHAR(3) FIRST;

-- title: ENUM with '' and numbers and a comma as members, and with the index 0
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v ENUM('', '1', '0', 'a,b', 'it''s', 'x'), w ENUM('b', 'a') NOT NULL);
INSERT INTO t VALUES (1, '', 'a'), (2, '1', 'b'), (3, '0', 'a'), (4, 'a,b', 'b'), (5, 'it''s', 'a'), (6, NULL, 'b');
CREATE TABLE z (id INT PRIMARY KEY, v ENUM('', 'x'), n INT);
INSERT INTO z VALUES (1, 'not there', 1), (2, '', 2), (3, 'x', 3);
CREATE TABLE n AS SELECT v, n FROM z;
-- [update]
UPDATE t SET v = 'x', w = 'a';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [index 0]
UPDATE z SET v = 'x';
-- [index 0 other column]
UPDATE z SET n = 9;
-- [index 0 no key]
DELETE FROM n WHERE n > 0;

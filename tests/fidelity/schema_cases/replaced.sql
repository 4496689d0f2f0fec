-- title: a column dropped and another in its place
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(30) NOT NULL DEFAULT 'da', b INT DEFAULT 5, c TEXT, e BIGINT, KEY kb (b));
INSERT INTO t VALUES (1, 'one', 1, 'long', 10), (2, 'two  ', NULL, NULL, -20), (3, '', 7, '', 30);
-- [dropped and added in parentheses]
ALTER TABLE t DROP COLUMN c, ADD COLUMN (c INT, z INT);
-- [dropped and added in parentheses as it was]
ALTER TABLE t DROP COLUMN c, ADD (c TEXT);
-- [dropped and an index of its name]
ALTER TABLE t DROP COLUMN c, ADD INDEX c (e);
-- [renamed into the place]
ALTER TABLE t DROP COLUMN c, RENAME COLUMN e TO c;
-- [changed into the place]
ALTER TABLE t ADD COLUMN c_new VARCHAR(50); UPDATE t SET c_new = CONCAT(COALESCE(c, ''), '!'); ALTER TABLE t DROP COLUMN c, CHANGE c_new c VARCHAR(50) NOT NULL DEFAULT '' AFTER b; UPDATE t SET c = 'x' WHERE id = 3;
-- [two into the places of each other and one gone]
ALTER TABLE t DROP COLUMN b, CHANGE a b VARCHAR(30) NOT NULL FIRST, CHANGE c a MEDIUMTEXT AFTER e; DELETE FROM t WHERE id = 2;
-- [narrowed into the place]
UPDATE t SET e = id; ALTER TABLE t DROP COLUMN b, CHANGE e b DECIMAL(3,1); UPDATE t SET a = 'z';

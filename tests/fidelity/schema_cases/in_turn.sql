-- title: several changes in one statement that depend on each other
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(30) NOT NULL DEFAULT 'da', b INT DEFAULT 5, c TEXT, d DATETIME(3) NULL, e BIGINT, KEY ka (a), UNIQUE KEY kbe (b, e));
INSERT INTO t (a, b, c, d, e) VALUES ('one', 1, 'long', '2020-01-01 10:00:00.123', 10), ('two  ', NULL, NULL, NULL, -20), ('', 7, '', '1000-01-01', 30);
CREATE TABLE g (id INT PRIMARY KEY, x INT NOT NULL, y INT, s INT AS (x + y) STORED, v INT AS (x * 2) VIRTUAL, vv INT AS (x + 3) VIRTUAL, KEY ks (s), UNIQUE KEY kv (v));
INSERT INTO g (id, x, y) VALUES (1, 10, 1), (2, 20, NULL), (3, 30, 3);
-- [swap by change]
ALTER TABLE t CHANGE a b VARCHAR(30) NOT NULL DEFAULT 'da', CHANGE b a INT DEFAULT 5;
-- [swap by change, narrowed and moved]
UPDATE t SET a = LEFT(a, 2); ALTER TABLE t CHANGE a b VARCHAR(2) NOT NULL FIRST, CHANGE b a SMALLINT AFTER c, DROP COLUMN d;
-- [swap by change, values kept]
UPDATE t SET a = 'x'; ALTER TABLE t CHANGE c d TEXT FIRST, CHANGE d c DATE AFTER id; UPDATE t SET c = '2021-01-01' WHERE id = 1;
-- [ring of three by change]
ALTER TABLE t CHANGE a b VARCHAR(30) NOT NULL DEFAULT 'da', CHANGE b e INT, CHANGE e a BIGINT;
-- [rename and add under the old name]
ALTER TABLE t RENAME COLUMN a TO a_old, ADD COLUMN a INT NOT NULL DEFAULT 3 FIRST, DROP KEY ka; ALTER TABLE t ADD KEY ka (a);
-- [rename and add under the old name with its key]
ALTER TABLE t DROP KEY ka, RENAME COLUMN a TO a_old, ADD COLUMN a INT NOT NULL DEFAULT 3 FIRST, ADD KEY ka (a);
-- [change and add under the old name]
ALTER TABLE t CHANGE c c_old TEXT AFTER d, ADD COLUMN c INT AFTER id; UPDATE t SET c = id * 2; DELETE FROM t WHERE id = 2;
-- [two renames and a drop]
ALTER TABLE t RENAME COLUMN c TO c_old; ALTER TABLE t RENAME COLUMN e TO c; ALTER TABLE t DROP COLUMN c_old;
-- [index of swapped columns]
ALTER TABLE t RENAME COLUMN b TO e, RENAME COLUMN e TO b, DROP KEY ka, ADD KEY ka (e, a);
-- [move after a renamed one]
ALTER TABLE t CHANGE b bb INT DEFAULT 5 AFTER e, MODIFY c TEXT AFTER bb, ADD COLUMN z INT AFTER c, MODIFY d DATETIME(3) NULL FIRST;
-- [case only]
ALTER TABLE t CHANGE a A VARCHAR(30) NOT NULL DEFAULT 'da' AFTER c, RENAME COLUMN b TO B, RENAME INDEX ka TO KA;
-- [case only and narrower]
UPDATE t SET a = LEFT(a, 2); ALTER TABLE t CHANGE a A VARCHAR(2) NOT NULL, CHANGE c C TINYTEXT; UPDATE t SET A = 'zz' WHERE id = 2;
-- [primary key moves to a new column]
ALTER TABLE t DROP PRIMARY KEY, CHANGE id old_id INT NOT NULL, ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST;
-- [counter moves to another column]
UPDATE t SET e = ABS(e), b = id; ALTER TABLE t MODIFY id INT NOT NULL, MODIFY e BIGINT NOT NULL AUTO_INCREMENT, ADD UNIQUE KEY ue (e);
-- [primary key swapped with a unique one]
UPDATE t SET b = id; ALTER TABLE t DROP PRIMARY KEY, MODIFY id INT NOT NULL, ADD PRIMARY KEY (b), ADD UNIQUE KEY ui (id);
-- [generated column upon a renamed one]
ALTER TABLE g DROP KEY ks, DROP COLUMN s, DROP KEY kv, DROP COLUMN v, DROP COLUMN vv, CHANGE x xx BIGINT NOT NULL, ADD COLUMN s BIGINT AS (xx + y) STORED, ADD KEY ks (s);
-- [generated columns in another order]
ALTER TABLE g MODIFY vv INT AS (x + 3) VIRTUAL FIRST, MODIFY v INT AS (x * 2) VIRTUAL AFTER id;
-- [stored in another place]
ALTER TABLE g MODIFY s INT AS (x + y) STORED FIRST;
-- [what generated ones stand on gets smaller]
ALTER TABLE g MODIFY x SMALLINT NOT NULL, MODIFY y TINYINT;
-- [expression of a stored one]
ALTER TABLE g MODIFY s INT AS (x - y) STORED; UPDATE g SET x = x + 1;
-- [stored made plain and written]
ALTER TABLE g MODIFY s INT; UPDATE g SET s = 77 WHERE id = 2; INSERT INTO g (id, x, y, s) VALUES (9, 90, 9, 9);
-- [generated dropped with what it stands on]
ALTER TABLE g DROP COLUMN s, DROP COLUMN y;
-- [eight changes of the same column]
ALTER TABLE t MODIFY a VARCHAR(40) NOT NULL; ALTER TABLE t MODIFY a VARCHAR(40) NULL; ALTER TABLE t DROP KEY ka, CHANGE a q TEXT; UPDATE t SET q = REPEAT('q', 90) WHERE id = 3; ALTER TABLE t MODIFY q MEDIUMTEXT FIRST; ALTER TABLE t RENAME COLUMN q TO a;
-- [rename table in the middle of all]
ALTER TABLE t ADD COLUMN f INT, RENAME TO `order by`; UPDATE `order by` SET f = 1; RENAME TABLE `order by` TO t; ALTER TABLE t DROP COLUMN f, DROP COLUMN c; INSERT INTO t (a) VALUES ('new');
-- [index under the name of another]
ALTER TABLE t DROP KEY ka, RENAME INDEX kbe TO ka, ADD UNIQUE KEY kbe (e);
-- [drop default and not null]
UPDATE t SET b = 3, d = '2022-02-02' WHERE id = 2; ALTER TABLE t MODIFY b INT NOT NULL, ALTER a DROP DEFAULT, ALTER e SET DEFAULT 9, MODIFY d DATETIME(3) NOT NULL;

-- title: columns added, dropped, changed, renamed and moved
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20) NOT NULL DEFAULT 'x,y)''z' COMMENT 'it''s (a) `b`, \\ and
 a line', b INT, c DECIMAL(10,2) UNSIGNED DEFAULT 1.50, d DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), e ENUM('a','b,c','d''e') DEFAULT 'a', f SET('x','y'), g TEXT, h INT AS (b + 1) VIRTUAL, i INT AS (b * 2) STORED, j TIMESTAMP NULL DEFAULT NULL, KEY by_b (b), KEY by_h (h)) AUTO_INCREMENT=7;
INSERT INTO t (a, b, c, d, e, f, g) VALUES ('one', 1, 2.25, '2024-01-02 03:04:05.678', 'b,c', 'x,y', 'long'), ('two', NULL, NULL, '2024-02-03 04:05:06.000', NULL, '', NULL), ('', -5, 0, '2024-02-03 04:05:06.999', 'd''e', 'y', '');
-- [add]
ALTER TABLE t ADD COLUMN n INT;
-- [add first]
ALTER TABLE t ADD COLUMN n VARCHAR(5) NOT NULL DEFAULT 'q' FIRST;
-- [add in the middle]
ALTER TABLE t ADD COLUMN n BIGINT UNSIGNED AFTER b, ADD COLUMN m DATE NOT NULL DEFAULT '2000-01-01' AFTER n;
-- [add several in parentheses]
ALTER TABLE t ADD COLUMN (n INT, m INT DEFAULT 5, o TEXT);
-- [add with everything]
ALTER TABLE t ADD COLUMN n VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'a''b\\' COMMENT 'c''d' AFTER id;
-- [add with expression default]
ALTER TABLE t ADD COLUMN n INT DEFAULT (1 + 2), ADD COLUMN m CHAR(36) DEFAULT (CONCAT('a', 'b'));
-- [add with a default that differs per row] servers=mariadb
ALTER TABLE t ADD COLUMN m CHAR(36) DEFAULT (UUID());
-- [add virtual]
ALTER TABLE t ADD COLUMN n INT AS (b + 10) VIRTUAL, ADD INDEX by_n (n);
-- [add stored]
ALTER TABLE t ADD COLUMN n VARCHAR(40) AS (CONCAT(a, '-', b)) STORED AFTER a;
-- [add if not exists] servers=mariadb
ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT, ADD COLUMN IF NOT EXISTS n INT;
-- [add unique]
ALTER TABLE t ADD COLUMN n INT UNIQUE, ADD COLUMN m INT COMMENT 'UNIQUE KEY';
-- [add invisible]
ALTER TABLE t ADD COLUMN n INT INVISIBLE;
-- [make invisible mysql] servers=mysql
ALTER TABLE t ALTER COLUMN g SET INVISIBLE;
-- [make invisible]
ALTER TABLE t MODIFY g TEXT INVISIBLE;
-- [move first]
ALTER TABLE t MODIFY g TEXT FIRST;
-- [move after]
ALTER TABLE t MODIFY a VARCHAR(20) NOT NULL DEFAULT 'x,y)''z' COMMENT 'other' AFTER g;
-- [move several]
ALTER TABLE t MODIFY g TEXT FIRST, MODIFY b INT AFTER e, MODIFY c DECIMAL(10,2) UNSIGNED DEFAULT 1.50 AFTER g;
-- [reverse all]
ALTER TABLE t MODIFY j TIMESTAMP NULL DEFAULT NULL FIRST, MODIFY g TEXT AFTER j, MODIFY f SET('x','y') AFTER g, MODIFY e ENUM('a','b,c','d''e') DEFAULT 'a' AFTER f, MODIFY b INT AFTER e;
-- [move, add and rename]
ALTER TABLE t CHANGE g gg TEXT FIRST, ADD n INT AFTER gg, CHANGE b bb BIGINT, DROP COLUMN h, DROP COLUMN i;
-- [rename]
ALTER TABLE t RENAME COLUMN a TO z;
-- [rename by change]
ALTER TABLE t CHANGE a `a b` VARCHAR(20) NOT NULL DEFAULT 'x,y)''z';
-- [rename to other case]
ALTER TABLE t RENAME COLUMN a TO A;
-- [rename several]
ALTER TABLE t RENAME COLUMN a TO a1, RENAME COLUMN c TO c1, RENAME COLUMN e TO e1;
-- [rename swap]
ALTER TABLE t RENAME COLUMN a TO g, RENAME COLUMN g TO a;
-- [rename round]
ALTER TABLE t RENAME COLUMN a TO e, RENAME COLUMN e TO g, RENAME COLUMN g TO a;
-- [rename indexed]
ALTER TABLE t DROP COLUMN h, DROP COLUMN i; ALTER TABLE t RENAME COLUMN b TO bb;
-- [rename and widen]
ALTER TABLE t CHANGE c cc DECIMAL(12,3) UNSIGNED DEFAULT 0 AFTER id;
-- [set default]
ALTER TABLE t ALTER COLUMN b SET DEFAULT 7, ALTER COLUMN a SET DEFAULT '''';
-- [drop default]
ALTER TABLE t ALTER COLUMN a DROP DEFAULT, ALTER c DROP DEFAULT;
-- [drop on update]
ALTER TABLE t MODIFY d DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3);
-- [add on update]
ALTER TABLE t MODIFY j TIMESTAMP NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP;
-- [expression default]
ALTER TABLE t ALTER COLUMN b SET DEFAULT (1 + 41);
-- [comment]
ALTER TABLE t MODIFY b INT COMMENT 'now with "quotes", ''these'' and \\';
-- [drop comment]
ALTER TABLE t MODIFY a VARCHAR(20) NOT NULL DEFAULT 'x,y)''z';
-- [nullable]
ALTER TABLE t MODIFY a VARCHAR(20) NULL;
-- [not null]
UPDATE t SET b = 0 WHERE b IS NULL; ALTER TABLE t DROP COLUMN i, MODIFY b INT NOT NULL;
-- [auto increment off]
ALTER TABLE t MODIFY id INT NOT NULL;
-- [auto increment to bigint]
ALTER TABLE t MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT;
-- [drop virtual]
ALTER TABLE t DROP COLUMN h;
-- [drop stored]
ALTER TABLE t DROP COLUMN i;
-- [change virtual expression]
ALTER TABLE t MODIFY h INT AS (b + 2) VIRTUAL;
-- [virtual to stored]
ALTER TABLE t DROP COLUMN h, ADD COLUMN h INT AS (b + 1) STORED AFTER g;
-- [stored to plain]
ALTER TABLE t MODIFY i INT;
-- [charset of a column]
ALTER TABLE t MODIFY g TEXT CHARACTER SET utf16 COLLATE utf16_bin;
-- [collation of a column]
ALTER TABLE t MODIFY a VARCHAR(20) COLLATE utf8mb4_bin NOT NULL DEFAULT 'x,y)''z';
-- [nothing]
ALTER TABLE t MODIFY b INT;
-- [drop]
ALTER TABLE t DROP COLUMN g;
-- [drop several]
ALTER TABLE t DROP COLUMN g, DROP f, ADD COLUMN n INT;
-- [drop if exists] servers=mariadb
ALTER TABLE t DROP COLUMN IF EXISTS nothing;
-- [drop and add under its name] expect=warned
ALTER TABLE t DROP COLUMN g, ADD COLUMN g TEXT;

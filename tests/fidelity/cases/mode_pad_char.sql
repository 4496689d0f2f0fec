-- title: a server with PAD_CHAR_TO_FULL_LENGTH
-- global: sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, c CHAR(10), k CHAR(5) NOT NULL UNIQUE);
INSERT INTO t VALUES (1, 'x', 'a'), (2, '', 'b'), (3, NULL, '');
CREATE TABLE n AS SELECT c, id FROM t;
-- [update]
UPDATE t SET c = 'new', k = CONCAT(TRIM(k), 'z');
-- [no key]
DELETE FROM n WHERE id > 0;

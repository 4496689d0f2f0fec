-- title: a server with EMPTY_STRING_IS_NULL
-- servers: mariadb
-- global: sql_mode = 'EMPTY_STRING_IS_NULL'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), w VARCHAR(10) NOT NULL, b VARBINARY(10), e ENUM('', 'x'), s SET('a'));
INSERT INTO t VALUES (1, '', '', '', '', ''), (2, NULL, 'x', NULL, NULL, NULL), (3, 'v', '', 'b', 'x', 'a');
CREATE TABLE n AS SELECT v, w, b FROM t;
-- [update]
UPDATE t SET v = 'x', b = 'y', w = 'z', e = 'x', s = 'a';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
DELETE FROM n WHERE 1 = 1;

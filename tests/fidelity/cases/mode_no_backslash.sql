-- title: a server with NO_BACKSLASH_ESCAPES
-- global: sql_mode = 'NO_BACKSLASH_ESCAPES'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), b VARBINARY(20));
INSERT INTO t VALUES (1, 'back\\slash', X'5C00'), (2, 'it''s \\''', X'275C'), (3, 'end\\', X'0A1A');
-- [update]
UPDATE t SET v = 'a\', b = 'x';
-- [delete]
DELETE FROM t WHERE id > 0;

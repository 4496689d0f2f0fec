-- title: utf8mb4 and utf8mb3: emoji, NUL, quotes, backslashes, control characters, empty and long
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200), c CHAR(20), w TEXT CHARACTER SET utf8mb3, l LONGTEXT);
INSERT INTO t VALUES (1, '日本 😀 é', 'x  ', 'œuvre', REPEAT('ab\\''"', 30000)), (2, '', '', '', ''), (3, NULL, NULL, NULL, NULL),
  (4, 'a\0b', 'tab\t', 'line\nbreak\r\n', '\Z'), (5, 'it''s \\ "q" `b` %s %(x)s ; -- /* # */', '--', '{}', '\\');
-- [update]
UPDATE t SET v = 'x', c = 'y', w = 'z', l = 'l';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [insert]
INSERT INTO t VALUES (6, 'ü''"\\', '  lead', 'trail  ', '😀');

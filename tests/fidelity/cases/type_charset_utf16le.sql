-- title: text in utf16le
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET utf16le, w TEXT CHARACTER SET utf16le, c CHAR(10) CHARACTER SET utf16le);
INSERT INTO t VALUES (1, X'3DD800DE6100', X'3DD800DE6100', X'3DD800DE6100'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET utf16le, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

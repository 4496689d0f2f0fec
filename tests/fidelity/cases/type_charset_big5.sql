-- title: text in big5
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET big5, w TEXT CHARACTER SET big5, c CHAR(10) CHARACTER SET big5);
INSERT INTO t VALUES (1, X'A4A4A4E5', X'A4A4A4E5', X'A4A4A4E5'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET big5, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

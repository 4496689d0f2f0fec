-- title: text in cp1251
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET cp1251, w TEXT CHARACTER SET cp1251, c CHAR(10) CHARACTER SET cp1251);
INSERT INTO t VALUES (1, X'CFF0E8', X'CFF0E8', X'CFF0E8'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET cp1251, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

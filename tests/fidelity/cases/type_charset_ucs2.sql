-- title: text in ucs2
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET ucs2, w TEXT CHARACTER SET ucs2, c CHAR(10) CHARACTER SET ucs2);
INSERT INTO t VALUES (1, X'0061D55C', X'0061D55C', X'0061D55C'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET ucs2, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

-- title: text in ascii
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET ascii, w TEXT CHARACTER SET ascii, c CHAR(10) CHARACTER SET ascii);
INSERT INTO t VALUES (1, X'617A', X'617A', X'617A'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET ascii, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

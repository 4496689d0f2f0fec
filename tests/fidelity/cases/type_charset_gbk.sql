-- title: text in gbk
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET gbk, w TEXT CHARACTER SET gbk, c CHAR(10) CHARACTER SET gbk);
INSERT INTO t VALUES (1, X'D6D0BFB55C', X'D6D0BFB55C', X'D6D0BFB55C'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET gbk, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

-- title: text in sjis
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET sjis, w TEXT CHARACTER SET sjis, c CHAR(10) CHARACTER SET sjis);
INSERT INTO t VALUES (1, X'835C8EA9B1', X'835C8EA9B1', X'835C8EA9B1'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET sjis, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

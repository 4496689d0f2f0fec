-- title: text in swe7
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET swe7, w TEXT CHARACTER SET swe7, c CHAR(10) CHARACTER SET swe7);
INSERT INTO t VALUES (1, X'5B5C5D', X'5B5C5D', X'5B5C5D'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET swe7, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

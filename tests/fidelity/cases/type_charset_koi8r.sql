-- title: text in koi8r
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET koi8r, w TEXT CHARACTER SET koi8r, c CHAR(10) CHARACTER SET koi8r);
INSERT INTO t VALUES (1, X'F0D2C9', X'F0D2C9', X'F0D2C9'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET koi8r, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

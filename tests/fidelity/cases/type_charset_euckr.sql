-- title: text in euckr
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET euckr, w TEXT CHARACTER SET euckr, c CHAR(10) CHARACTER SET euckr);
INSERT INTO t VALUES (1, X'C7D1B1DB', X'C7D1B1DB', X'C7D1B1DB'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET euckr, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

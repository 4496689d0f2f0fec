-- title: text in ujis
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET ujis, w TEXT CHARACTER SET ujis, c CHAR(10) CHARACTER SET ujis);
INSERT INTO t VALUES (1, X'A4A2B0A1', X'A4A2B0A1', X'A4A2B0A1'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET ujis, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

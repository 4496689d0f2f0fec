-- title: text in eucjpms
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET eucjpms, w TEXT CHARACTER SET eucjpms, c CHAR(10) CHARACTER SET eucjpms);
INSERT INTO t VALUES (1, X'A4A28FF3F3', X'A4A28FF3F3', X'A4A28FF3F3'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET eucjpms, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

-- title: text in macroman
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET macroman, w TEXT CHARACTER SET macroman, c CHAR(10) CHARACTER SET macroman);
INSERT INTO t VALUES (1, X'80DB', X'80DB', X'80DB'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET macroman, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

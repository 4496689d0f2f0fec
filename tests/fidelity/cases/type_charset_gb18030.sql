-- title: text in gb18030
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET gb18030, w TEXT CHARACTER SET gb18030, c CHAR(10) CHARACTER SET gb18030);
INSERT INTO t VALUES (1, X'8130813084318130', X'8130813084318130', X'8130813084318130'), (2, '', '', ''), (3, NULL, NULL, NULL), (4, 'it''s \\ a', 'a''', 'plain');
CREATE TABLE n (v VARCHAR(40) CHARACTER SET gb18030, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', w = 'y', c = 'z';
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

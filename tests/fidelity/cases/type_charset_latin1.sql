-- title: latin1 with the five bytes that cp1252 leaves undefined
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40) CHARACTER SET latin1, k CHAR(5) CHARACTER SET latin1 COLLATE latin1_bin);
INSERT INTO t VALUES (1, X'818D8F909D', X'81'), (2, X'E9FF80', X'FF'), (3, '', ''), (4, X'00', NULL);
CREATE TABLE n (v VARCHAR(40) CHARACTER SET latin1, x INT);
INSERT INTO n SELECT v, id FROM t;
-- [update]
UPDATE t SET v = 'x', k = 'y';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;

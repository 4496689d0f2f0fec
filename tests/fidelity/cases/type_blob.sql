-- title: VARBINARY and the BLOBs
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a VARBINARY(300), b TINYBLOB, c BLOB, d MEDIUMBLOB, e LONGBLOB);
INSERT INTO t VALUES (1, X'00FF275C22', X'00', X'', REPEAT(X'00', 70000), REPEAT(X'FF', 100)), (2, '', '', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL),
  (4, REPEAT('a', 300), REPEAT('b', 255), REPEAT('c', 65535), 'd', 'e ');
CREATE TABLE n AS SELECT a, b, c FROM t;
-- [update]
UPDATE t SET a = 'x', b = 'x', c = 'x', d = 'x', e = 'x';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
DELETE FROM n WHERE 1 = 1;

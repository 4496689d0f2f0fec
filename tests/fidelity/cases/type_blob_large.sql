-- title: a BLOB of 6 MB
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB, n INT);
INSERT INTO t VALUES (1, REPEAT(X'00275C22FF', 1200000), 1), (2, 'small', 2);
-- [update]
UPDATE t SET n = n + 1 WHERE id = 1;
-- [delete]
DELETE FROM t WHERE id = 1;
-- [the blob itself]
UPDATE t SET v = 'gone' WHERE id = 1;
-- [from small to large]
UPDATE t SET v = REPEAT('ab', 3000000) WHERE id = 2;

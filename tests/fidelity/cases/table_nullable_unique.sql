-- title: a unique key that admits NULL is no key
-- [make]
CREATE TABLE t (a INT, b INT, v INT, UNIQUE (a, b));
INSERT INTO t VALUES (NULL, NULL, 1), (NULL, NULL, 1), (1, NULL, 2), (1, NULL, 3), (1, 1, 4);
-- [update]
UPDATE t SET v = v + 1 WHERE a IS NULL;
-- [delete]
DELETE FROM t WHERE b IS NULL LIMIT 2;
-- [insert]
INSERT INTO t VALUES (1, NULL, 2), (2, 2, 2);

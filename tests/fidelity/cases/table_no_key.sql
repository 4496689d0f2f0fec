-- title: no key at all, with twins and triplets
-- [make]
CREATE TABLE t (a INT, b VARCHAR(10), c FLOAT);
INSERT INTO t VALUES (1, 'x', 0.1), (1, 'x', 0.1), (1, 'x', 0.1), (NULL, NULL, NULL), (NULL, NULL, NULL), (2, '', 0);
-- [update all]
UPDATE t SET b = 'y' WHERE 1 = 1;
-- [update one]
UPDATE t SET b = 'y' WHERE a = 1 LIMIT 1;
-- [delete one]
DELETE FROM t WHERE a = 1 LIMIT 1;
-- [delete nulls]
DELETE FROM t WHERE a IS NULL;
-- [insert twin]
INSERT INTO t VALUES (1, 'x', 0.1), (1, 'x', 0.1);
-- [same again] 
UPDATE t SET a = 1, b = 'x', c = 0.1 WHERE a = 2 OR a IS NULL;

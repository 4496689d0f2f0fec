-- title: a unique key without NULL stands in for the primary key
-- [make]
CREATE TABLE t (a INT NOT NULL, b VARCHAR(10) NOT NULL, v INT, UNIQUE (a, b));
INSERT INTO t VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3);
-- [update]
UPDATE t SET v = v * 10;
-- [key]
UPDATE t SET b = CONCAT(b, '!') WHERE a = 1;
-- [delete]
DELETE FROM t WHERE a = 1;

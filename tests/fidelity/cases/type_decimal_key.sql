-- title: DECIMAL as a key, and without any key
-- [make]
CREATE TABLE t (k DECIMAL(20,10) PRIMARY KEY, v INT);
CREATE TABLE n (k DECIMAL(30,15), v INT);
INSERT INTO t VALUES (1.1, 1), (-1.1, 2), (0, 3);
INSERT INTO n VALUES (0.1, 1), (0.1, 1), (-0.000000000000001, 2), (NULL, 3);
-- [key]
UPDATE t SET k = k + 0.0000000001 WHERE v < 3;
-- [no key]
UPDATE n SET v = v + 1 WHERE k <= 0.1;

-- title: BINARY(n) that ends in 0x00, as value, as key and without a key
-- [make]
CREATE TABLE t (k BINARY(8) PRIMARY KEY, v BINARY(4), n INT);
INSERT INTO t VALUES (X'6100', X'00', 1), (X'', X'', 2), (X'FF00FF0000', NULL, 3), (X'2020', X'20', 4);
CREATE TABLE n AS SELECT k, v, n FROM t;
-- [update]
UPDATE t SET v = X'01', n = n + 1;
-- [key]
UPDATE t SET k = CONCAT(X'99', n);
-- [insert]
INSERT INTO t VALUES (X'6200', X'00', 9);
-- [insert no key]
INSERT INTO n VALUES (X'6200', X'00', 9);
-- [no key]
DELETE FROM n WHERE n > 0;

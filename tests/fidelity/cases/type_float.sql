-- title: FLOAT: shortest form, denormal, greatest, negative zero
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v FLOAT, w FLOAT(7,4));
INSERT INTO t VALUES (1, 0.1, 0.1), (2, 3.4028234e38, 999.9999), (3, 1.4e-45, -0.0001), (4, -0e0, 0), (5, 16777217, 1.5),
  (6, 1.17549435e-38, NULL), (7, 1e-40, 3.1416);
CREATE TABLE n (v FLOAT, w FLOAT(7,4), x INT);
INSERT INTO n SELECT v, w, id FROM t;
-- [update]
UPDATE t SET v = 1, w = 2;
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
UPDATE n SET x = x + 10 WHERE x > 0;
-- [no key delete]
DELETE FROM n WHERE x > 0;

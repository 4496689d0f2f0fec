-- title: VECTOR
-- servers: mysql mariadb11.8
-- [make mysql]
CREATE TABLE t (id INT PRIMARY KEY, v VECTOR(3), n INT);
INSERT INTO t VALUES (1, STRING_TO_VECTOR('[1, -0.5, 3.25]'), 1), (2, NULL, 2), (3, STRING_TO_VECTOR('[0, 0, 1e-30]'), 3);
CREATE TABLE n AS SELECT v, n FROM t;
-- [make mariadb]
CREATE TABLE t (id INT PRIMARY KEY, v VECTOR(3), n INT);
INSERT INTO t VALUES (1, VEC_FromText('[1, -0.5, 3.25]'), 1), (2, NULL, 2), (3, VEC_FromText('[0, 0, 1e-30]'), 3);
CREATE TABLE n AS SELECT v, n FROM t;
-- [update]
UPDATE t SET v = NULL, n = 9;
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
DELETE FROM n WHERE n > 0;

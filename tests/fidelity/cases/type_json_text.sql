-- title: JSON of MariaDB, which is text
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v JSON, n INT);
INSERT INTO t VALUES (1, '{"b": 1,  "a": [1.10, null, "é\\"😀"]}', 1), (2, 'null', 2), (3, NULL, 3), (4, '18446744073709551615', 4), (5, '""', 5);
CREATE TABLE n AS SELECT v, n FROM t;
-- [update]
UPDATE t SET v = '{}';
-- [other column]
UPDATE t SET n = n + 1;
-- [no key]
DELETE FROM n WHERE n > 0;

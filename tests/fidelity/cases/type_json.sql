-- title: JSON of MySQL: objects, arrays, big integers, doubles, the JSON null
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v JSON, n INT);
INSERT INTO t VALUES (1, '{"b": 1, "a": [1.5, null, true, "é\\"😀"], "": {}}', 1), (2, 'null', 2), (3, NULL, 3), (4, '18446744073709551615', 4),
  (5, '[-9223372036854775808, 1e308, 0.1, -0.0, 70000, 3000000000]', 5), (6, '""', 6), (7, '[]', 7), (8, JSON_QUOTE(REPEAT('long ', 20000)), 8);
CREATE TABLE n AS SELECT v, n FROM t;
-- [update]
UPDATE t SET v = '{"x": 1}';
-- [other column]
UPDATE t SET n = n + 1;
-- [delete]
DELETE FROM t WHERE id > 0;
-- [null literal]
UPDATE t SET v = '1' WHERE id = 2;
-- [no key]
DELETE FROM n WHERE n > 0;

-- title: integers of every width, with their extremes
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a TINYINT, b SMALLINT, c MEDIUMINT, d INT, e BIGINT);
INSERT INTO t VALUES (1, -128, -32768, -8388608, -2147483648, -9223372036854775808),
  (2, 127, 32767, 8388607, 2147483647, 9223372036854775807), (3, -1, -1, -1, -1, -1), (4, 0, NULL, 0, NULL, 0);
-- [insert]
INSERT INTO t VALUES (5, -128, -32768, -8388608, -2147483648, -9223372036854775808), (6, 0, 0, 0, 0, 0);
-- [update]
UPDATE t SET a = 1, b = 2, c = 3, d = 4, e = 5;
-- [delete]
DELETE FROM t WHERE id > 0;

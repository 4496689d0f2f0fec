-- title: composite keys over several types
-- [make]
CREATE TABLE t (a VARCHAR(10), b DATETIME(3), c BINARY(4), d DECIMAL(6,2), v INT, PRIMARY KEY (b, a, c, d));
INSERT INTO t VALUES ('x', '2024-01-01 00:00:00.123', X'0100', 1.10, 1), ('x', '2024-01-01 00:00:00.124', X'01', -1.10, 2), ('', 0, '', 0, 3);
-- [update]
UPDATE t SET v = v + 1;
-- [delete]
DELETE FROM t WHERE v > 0;
-- [key]
UPDATE t SET a = 'y', d = d + 1;

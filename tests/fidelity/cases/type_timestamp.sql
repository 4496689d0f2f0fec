-- title: TIMESTAMP(0..6): zero and limits
-- [make]
SET explicit_defaults_for_timestamp = 1;
CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP NULL, b TIMESTAMP(2) NULL, c TIMESTAMP(6) NULL);
INSERT INTO t VALUES (1, 0, 0, 0), (2, '1970-01-01 00:00:01', '1970-01-01 00:00:01.01', '1970-01-01 00:00:01.000001'),
  (3, '2038-01-19 03:14:07', '2038-01-19 03:14:07.99', '2038-01-19 03:14:07.999999'), (4, NULL, NULL, NULL);
-- [update]
UPDATE t SET a = '2024-01-01', b = '2024-01-01', c = '2024-01-01';
-- [delete]
DELETE FROM t WHERE id > 0;

-- title: TIME(0..6): negative values with a fraction, over 24 hours
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a TIME, b TIME(1), c TIME(3), d TIME(6), e TIME(2));
INSERT INTO t VALUES (1, '-00:00:01', '-00:00:01.9', '-00:00:00.001', '-00:00:00.000001', '-01:00:00.99'),
  (2, '838:59:59', '838:59:58.9', '838:59:58.999', '838:59:58.999999', '100:00:00.01'), (3, '-838:59:59', '-838:59:58.9',
  '-838:59:58.999', '-838:59:58.999999', '-24:00:00.5'), (4, 0, 0, 0, 0, NULL);
CREATE TABLE n AS SELECT a, b, c, d FROM t;
-- [update]
UPDATE t SET a = '01:00:00', b = '01:00:00', c = '01:00:00', d = '01:00:00', e = '01:00:00';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
DELETE FROM n WHERE 1 = 1;

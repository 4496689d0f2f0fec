-- title: BIT(1) to BIT(64), with and without a key
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a BIT(1), b BIT(9), c BIT(64), d BIT(17));
INSERT INTO t VALUES (1, b'1', b'100000001', b'1111111111111111111111111111111111111111111111111111111111111111', b'1'),
  (2, b'0', b'0', b'0', NULL), (3, NULL, b'1', b'10000000', b'11111111111111111');
CREATE TABLE n AS SELECT a, b, c, d FROM t;
-- [update]
UPDATE t SET a = b'0', b = b'1', c = b'1', d = b'10';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
UPDATE n SET d = b'101' WHERE b > 0;

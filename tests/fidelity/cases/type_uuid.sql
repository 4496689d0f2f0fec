-- title: UUID as value and as key
-- servers: mariadb
-- [make]
CREATE TABLE t (k UUID PRIMARY KEY, v UUID, n INT);
INSERT INTO t VALUES ('00112233-4455-6677-8899-aabbccddeeff', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 1), ('6ccd780c-baba-1026-9564-5b8c656024db', NULL, 2),
  ('00000000-0000-0000-0000-000000000000', '6ccd780c-baba-1026-9564-000000000000', 3), ('11112222-3333-4444-8555-660000000000', '01020304-0506-4708-8900-000000000000', 4);
-- [update]
UPDATE t SET v = NULL, n = n + 1;
-- [delete]
DELETE FROM t WHERE n > 0;
-- [key]
UPDATE t SET k = '99999999-0000-0000-0000-000000000000' WHERE n = 1;

-- title: INET6 and INET4
-- servers: mariadb
-- [make]
CREATE TABLE t (k INET6 PRIMARY KEY, v INET6, w INET4, n INT);
INSERT INTO t VALUES ('::', '2001:db8::ff00', '0.0.0.0', 1), ('::1', '2001::', '10.0.0.0', 2), ('fe80::', NULL, '255.255.255.255', 3), ('::ffff:1.2.3.4', '::1', NULL, 4);
-- [update]
UPDATE t SET v = '::2', w = '1.1.1.1';
-- [delete]
DELETE FROM t WHERE n > 0;

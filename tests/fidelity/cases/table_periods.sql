-- title: application periods, FOR PORTION OF
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT, s DATE, f DATE, v INT, PERIOD FOR p (s, f), PRIMARY KEY (id, p WITHOUT OVERLAPS));
INSERT INTO t VALUES (1, '2024-01-01', '2024-12-31', 1), (2, '2024-01-01', '2024-06-30', 2);
-- [update portion] today=refused
UPDATE t FOR PORTION OF p FROM '2024-03-01' TO '2024-04-01' SET v = 9;
-- [delete portion] today=refused
DELETE FROM t FOR PORTION OF p FROM '2024-03-01' TO '2024-04-01';

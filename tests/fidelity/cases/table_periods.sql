-- title: application periods, FOR PORTION OF
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT, s DATE, f DATE, v INT, PERIOD FOR p (s, f), PRIMARY KEY (id, p WITHOUT OVERLAPS));
INSERT INTO t VALUES (1, '2024-01-01', '2024-12-31', 1), (2, '2024-01-01', '2024-06-30', 2);
-- [update portion]
UPDATE t FOR PORTION OF p FROM '2024-03-01' TO '2024-04-01' SET v = 9;
-- [delete portion]
DELETE FROM t FOR PORTION OF p FROM '2024-03-01' TO '2024-04-01';
-- [update two portions]
UPDATE t FOR PORTION OF p FROM DATE '2024-02-01' TO '2024-02-01' + INTERVAL 2 MONTH SET v = v + 1 WHERE id < 10;
-- [delete to the end]
DELETE FROM t FOR PORTION OF p FROM '2024-03-01' TO '2025-01-01' WHERE id = 1;
-- [delete whole]
DELETE FROM t FOR PORTION OF p FROM '2023-01-01' TO '2025-01-01';
-- [portion, then change]
UPDATE t FOR PORTION OF p FROM '2024-03-01' TO '2024-04-01' SET v = 9; UPDATE t SET v = v * 2; DELETE FROM t WHERE id = 2;

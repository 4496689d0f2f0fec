-- title: DATE: zero and invalid values that the ticket writes
-- global: sql_mode = 'ALLOW_INVALID_DATES'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v DATE, w DATETIME(3), x TIMESTAMP NULL);
INSERT INTO t VALUES (1, '2024-01-01', '2024-01-01', '2024-01-01 00:00:00');
-- [insert]
INSERT INTO t VALUES (2, '0000-00-00', '0000-00-00', '0000-00-00'), (3, '2023-02-31', '2023-02-31 23:59:59.999', '2024-01-01');
-- [update]
UPDATE t SET v = '2023-00-31', w = '2023-11-31 01:02:03', x = 0;

-- title: rows and tables changed in turn
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), n INT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
INSERT INTO t (v, n, at) VALUES ('a', 1, '2020-01-01 00:00:00'), ('b', 2, '2021-01-01 00:00:00'), ('c', 3, '2022-01-01 00:00:00');
CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(50));
-- [change, alter, change]
UPDATE t SET v = 'x'; ALTER TABLE t ADD COLUMN extra INT; UPDATE t SET extra = id, n = 0; DELETE FROM t WHERE id = 1;
-- [split a column]
ALTER TABLE t ADD COLUMN first_half VARCHAR(10) AFTER v, ADD COLUMN second_half VARCHAR(10) AFTER first_half; UPDATE t SET first_half = LEFT(v, 1), second_half = CONCAT(v, n); ALTER TABLE t ADD INDEX halves (first_half, second_half);
-- [rename between]
DELETE FROM t WHERE id = 2; RENAME TABLE t TO t2; INSERT INTO t2 (v, n) VALUES ('new', 9); ALTER TABLE t2 CHANGE v w VARCHAR(40) AFTER at; UPDATE t2 SET w = 'ww' WHERE n = 9;
-- [swap in a new table]
CREATE TABLE fresh LIKE t; INSERT INTO fresh SELECT * FROM t WHERE id > 1; RENAME TABLE t TO old, fresh TO t; UPDATE t SET v = 'swapped';
-- [move columns between]
UPDATE t SET n = 5 WHERE id = 1; ALTER TABLE t MODIFY n BIGINT FIRST; UPDATE t SET n = 5000000 WHERE id = 2; ALTER TABLE t MODIFY n BIGINT AFTER at; DELETE FROM t WHERE id = 3;
-- [narrow what was widened]
ALTER TABLE t MODIFY v VARCHAR(40); UPDATE t SET v = REPEAT('y', 30) WHERE id = 1; ALTER TABLE t ADD COLUMN z INT; DELETE FROM t WHERE id = 1;
-- [charset between]
UPDATE t SET v = 'é'; ALTER TABLE t CONVERT TO CHARACTER SET utf16; UPDATE t SET v = '日本' WHERE id = 2; ALTER TABLE t MODIFY v VARCHAR(25) CHARACTER SET utf8mb4;
-- [make, fill, view, drop view]
CREATE TABLE side (id INT PRIMARY KEY, w INT); INSERT INTO side VALUES (1, 1), (2, 2); CREATE SQL SECURITY INVOKER VIEW seen AS SELECT * FROM side; UPDATE side SET w = 7; DROP VIEW seen; DELETE FROM side;
-- [keys between]
ALTER TABLE t ADD UNIQUE KEY uv (v); UPDATE t SET v = 'q' WHERE id = 1; ALTER TABLE t DROP KEY uv; INSERT INTO t (v, n) VALUES ('q', 1), ('q', 1); ALTER TABLE t DROP PRIMARY KEY, MODIFY id INT NOT NULL, ADD KEY by_id (id); DELETE FROM t WHERE n = 2;
-- [add a foreign key after filling]
CREATE TABLE side (id INT PRIMARY KEY, t INT); INSERT INTO side VALUES (1, 1), (2, 3); ALTER TABLE side ADD CONSTRAINT of_t FOREIGN KEY (t) REFERENCES t (id); INSERT INTO side VALUES (3, 2);
-- [fails in the middle]
ALTER TABLE t ADD COLUMN x INT; UPDATE t SET x = id; ALTER TABLE t ADD UNIQUE KEY un (at, n, x); INSERT INTO t (id, v) VALUES (1, 'twice');

-- title: children of every kind of value, changed by foreign keys
-- [make]
CREATE TABLE p (id INT PRIMARY KEY, code VARCHAR(20) CHARACTER SET utf8mb4 UNIQUE, v INT);
CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) CHARACTER SET utf8mb4, big LONGBLOB, d DATE, dt DATETIME(6), ts TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP, f FLOAT, e ENUM('a','b'), t VARCHAR(30) CHARACTER SET latin1, g INT AS (CHAR_LENGTH(t)) STORED, FOREIGN KEY (code) REFERENCES p (code) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE n (id INT PRIMARY KEY, code VARCHAR(20) CHARACTER SET utf8mb4, ts TIMESTAMP(3) NULL, FOREIGN KEY (code) REFERENCES p (code) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO p VALUES (1, 'ann', 1), (2, 'b''e\\n%', 2), (3, NULL, 3), (4, '', 4);
INSERT INTO c (id, code, big, d, dt, ts, f, e, t) VALUES (0, 'ann', REPEAT(X'00FF', 70000), '0000-00-00', '2024-02-31 00:00:00.1', FROM_UNIXTIME(1729989000), 1.1, 'b', 'é'), (-7, 'ann', NULL, '2024-00-00', NULL, FROM_UNIXTIME(1729992600), -0.0, 0, ''), (3, 'b''e\\n%', '', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO n VALUES (1, 'ann', FROM_UNIXTIME(1729989000.5)), (2, 'ann', FROM_UNIXTIME(1729992600.5)), (3, NULL, NULL), (4, '', NULL);
-- [delete]
DELETE FROM p WHERE id IN (1, 2);
-- [update]
UPDATE p SET code = CONCAT(code, '!') WHERE id < 3;
-- [capitals]
UPDATE p SET code = 'Ann' WHERE id = 1;
-- [empty]
DELETE FROM p WHERE code = '';
-- [replace]
REPLACE INTO p VALUES (9, 'ann', 9), (3, 'neu', 3);
-- [on duplicate]
INSERT INTO p VALUES (1, 'x', 1) ON DUPLICATE KEY UPDATE code = 'zoë';

-- title: triggers that write to other tables
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v INT);
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40));
CREATE TABLE total (id INT PRIMARY KEY, n INT);
INSERT INTO t VALUES (1, 1), (2, 2);
INSERT INTO total VALUES (1, 3);
CREATE TRIGGER i AFTER INSERT ON t FOR EACH ROW INSERT INTO log (what) VALUES (CONCAT('in ', NEW.id));
CREATE TRIGGER d AFTER DELETE ON t FOR EACH ROW UPDATE total SET n = n - OLD.v WHERE id = 1;
-- [insert] expect=stopped
INSERT INTO t VALUES (3, 3), (4, 4);
-- [delete] expect=stopped
DELETE FROM t WHERE id = 1;
-- [update]
UPDATE t SET v = v + 1;

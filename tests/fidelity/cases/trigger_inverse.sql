-- title: triggers that the inverse statement would fire again
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v INT);
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40));
INSERT INTO t VALUES (1, 1), (2, 2);
CREATE TRIGGER u AFTER UPDATE ON t FOR EACH ROW INSERT INTO log (what) VALUES (CONCAT(OLD.v, ' to ', NEW.v));
-- [update] expect=stopped
UPDATE t SET v = v + 1;

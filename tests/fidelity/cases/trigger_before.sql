-- title: a BEFORE trigger that changes what is written
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'Small'), (2, 'x');
CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW SET NEW.v = UPPER(NEW.v);
CREATE TRIGGER c BEFORE INSERT ON t FOR EACH ROW SET NEW.v = UPPER(NEW.v);
-- [update] expect=stopped
UPDATE t SET v = 'other';
-- [insert]
INSERT INTO t VALUES (3, 'three');
-- [delete] expect=stopped
DELETE FROM t WHERE id = 1;

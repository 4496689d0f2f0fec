-- title: a row whose AUTO_INCREMENT column holds 0
-- [make]
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO t VALUES (0, 1), (5, 2), (-3, 3);
-- [delete]
DELETE FROM t WHERE v > 0;
-- [update]
UPDATE t SET v = v + 10;
-- [key]
UPDATE t SET id = 77 WHERE id = 0;
-- [insert]
INSERT INTO t (v) VALUES (4), (5);

-- title: UPDATE and DELETE in their other forms
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, g INT, v VARCHAR(10));
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c'), (4, 2, 'd'), (5, 3, 'e');
CREATE TABLE u (id INT PRIMARY KEY, g INT, v VARCHAR(10));
INSERT INTO u VALUES (1, 1, 'x'), (3, 2, 'y'), (9, 9, 'z');
-- [order and limit]
UPDATE t SET v = 'new' ORDER BY id DESC LIMIT 2;
-- [delete order and limit]
DELETE FROM t ORDER BY id DESC LIMIT 2;
-- [update ignore]
UPDATE IGNORE t SET id = 1 WHERE id IN (2, 3);
-- [join]
UPDATE t JOIN u USING (id) SET t.v = u.v, u.v = 'moved';
-- [join twice the same row]
UPDATE t JOIN u ON t.g = u.g SET t.v = u.v, u.g = 77;
-- [delete two tables]
DELETE t, u FROM t JOIN u ON t.id = u.id;
-- [delete using]
DELETE FROM u USING t JOIN u ON t.id = u.id WHERE t.g = 2;
-- [subquery]
DELETE FROM t WHERE id IN (SELECT id FROM u);
-- [matched and not changed]
UPDATE t SET v = 'a' WHERE g = 1;
-- [no rows]
UPDATE t SET v = 'x' WHERE id = 12345;
-- [no rows deleted]
DELETE FROM t WHERE id = 12345;
-- [row by row again]
UPDATE t SET g = g + 1; UPDATE t SET g = g + 1 WHERE g > 2; DELETE FROM t WHERE g > 3; INSERT INTO t VALUES (5, 0, 'back');

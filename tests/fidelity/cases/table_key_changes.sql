-- title: keys that move, shift and change places inside one statement
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(10));
INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c'), (4, NULL, 'd'), (5, 50, 'e');
-- [move]
UPDATE t SET id = 100 WHERE id = 2;
-- [shift up]
UPDATE t SET id = id + 1 ORDER BY id DESC;
-- [shift down]
UPDATE t SET id = id - 1 ORDER BY id;
-- [unique shift]
UPDATE t SET u = u + 10 ORDER BY u DESC;
-- [swap]
UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = -1;
-- [swap values]
UPDATE t x JOIN t y ON x.id = 1 AND y.id = 3 OR x.id = 3 AND y.id = 1 SET x.v = y.v;
-- [delete and insert again]
DELETE FROM t WHERE id < 4; INSERT INTO t VALUES (1, 30, 'x'), (2, 10, 'y'); DELETE FROM t WHERE id = 1;

-- title: one statement over many events and packets
-- [make]
CREATE TABLE d (n INT PRIMARY KEY);
INSERT INTO d VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100), w TEXT);
INSERT INTO t SELECT a.n + 10 * b.n + 100 * c.n, CONCAT('row ', a.n), REPEAT('x', 500) FROM d a, d b, d c;
-- [update]
UPDATE t SET v = CONCAT(v, '!');
-- [delete]
DELETE FROM t WHERE id > 0;
-- [insert select]
INSERT INTO t SELECT id + 1000, v, w FROM t;

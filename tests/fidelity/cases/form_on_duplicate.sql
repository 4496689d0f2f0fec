-- title: INSERT … ON DUPLICATE KEY UPDATE
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(10));
INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
-- [mixed]
INSERT INTO t VALUES (1, 11, 'x'), (4, 40, 'y'), (5, 20, 'z') ON DUPLICATE KEY UPDATE v = CONCAT(v, '+');
-- [nothing changes]
INSERT INTO t VALUES (1, 10, 'a') ON DUPLICATE KEY UPDATE v = 'a';
-- [key changes]
INSERT INTO t VALUES (1, 0, 'x'), (2, 0, 'x') ON DUPLICATE KEY UPDATE id = id + 100;

-- title: REPLACE, over one and over two unique keys
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(10));
INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c');
-- [one]
REPLACE INTO t VALUES (1, 10, 'new'), (9, 90, 'fresh');
-- [two keys]
REPLACE INTO t VALUES (1, 20, 'takes two rows away');
-- [chain]
REPLACE INTO t VALUES (1, 20, 'x'), (2, 10, 'y'), (3, 20, 'z'), (1, 30, 'w');
-- [same row twice]
REPLACE INTO t VALUES (7, 70, 'x'), (7, 71, 'y');
-- [select]
REPLACE INTO t SELECT id, u + 1, v FROM t;

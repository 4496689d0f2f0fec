-- title: INSERT in its other forms
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, u INT UNIQUE, v VARCHAR(10) DEFAULT 'd');
INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b');
-- [ignore]
INSERT IGNORE INTO t VALUES (1, 1, 'x'), (3, 20, 'y'), (4, 40, 'too long for the column'), (5, 50, 'ok');
-- [set]
INSERT INTO t SET u = 7, v = DEFAULT;
-- [defaults]
INSERT INTO t () VALUES ();
-- [select from itself]
INSERT INTO t (u, v) SELECT u + 1000, v FROM t;
-- [low priority]
INSERT LOW_PRIORITY INTO t (u) VALUES (77);

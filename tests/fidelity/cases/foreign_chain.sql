-- title: foreign keys behind each other, in circles, and from two parents
-- [make]
CREATE TABLE a (id INT PRIMARY KEY, v INT);
CREATE TABLE b (id INT PRIMARY KEY, a INT, a2 INT, FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE, FOREIGN KEY (a2) REFERENCES a (id) ON DELETE SET NULL);
CREATE TABLE c (id INT PRIMARY KEY, b INT, v VARCHAR(20), FOREIGN KEY (b) REFERENCES b (id) ON DELETE CASCADE);
CREATE TABLE d (id INT PRIMARY KEY, c INT, FOREIGN KEY (c) REFERENCES c (id) ON DELETE SET NULL);
CREATE TABLE x (id INT PRIMARY KEY, y INT);
CREATE TABLE y (id INT PRIMARY KEY, x INT, FOREIGN KEY (x) REFERENCES x (id) ON DELETE CASCADE);
ALTER TABLE x ADD FOREIGN KEY (y) REFERENCES y (id) ON DELETE SET NULL;
CREATE TABLE t (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES t (id) ON DELETE SET NULL);
INSERT INTO a VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO b VALUES (1, 1, 2), (2, 1, NULL), (3, 2, 1), (4, 3, 1);
INSERT INTO c VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, NULL), (4, 4, '');
INSERT INTO d VALUES (1, 1), (2, 2), (3, NULL), (4, 4);
INSERT INTO x VALUES (1, NULL), (2, NULL);
INSERT INTO y VALUES (1, 1), (2, 1), (3, 2);
UPDATE x SET y = 1 WHERE id = 1; UPDATE x SET y = 1 WHERE id = 2;
INSERT INTO t VALUES (1, NULL), (2, 1), (3, 2), (4, 4);
-- [three generations]
DELETE FROM a WHERE id = 1;
-- [both parents]
DELETE FROM a WHERE id IN (1, 2);
-- [all]
DELETE FROM a;
-- [two of them by order]
DELETE FROM a ORDER BY v DESC LIMIT 2;
-- [by a join]
DELETE a FROM a JOIN b ON b.a = a.id WHERE b.id < 3;
-- [with a child that loses its parent first]
DELETE a, b FROM a JOIN b ON b.a2 = a.id WHERE a.id = 1;
-- [circle]
DELETE FROM x WHERE id = 1;
-- [emptied on the way]
DELETE FROM t ORDER BY id;
-- [replaced with its children]
REPLACE INTO a VALUES (1, 10), (5, 50);

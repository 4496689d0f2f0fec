-- title: foreign keys that only refuse, and one to its own table
-- [make]
CREATE TABLE p (id INT PRIMARY KEY, v INT);
CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id));
CREATE TABLE s (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES s (id));
CREATE TABLE m (a INT, b INT, ua INT NOT NULL, ub INT NOT NULL, PRIMARY KEY (a, b), FOREIGN KEY (ua, ub) REFERENCES m (a, b));
INSERT INTO p VALUES (1, 1), (2, 2);
INSERT INTO c VALUES (1, 1);
INSERT INTO s VALUES (1, NULL), (2, 1), (3, 2);
-- [delete free]
DELETE FROM p WHERE id = 2;
-- [delete taken]
DELETE FROM p WHERE id = 1;
-- [children then parent]
DELETE FROM c WHERE id = 1; DELETE FROM p WHERE id = 1;
-- [tree]
DELETE FROM s WHERE id = 3; DELETE FROM s WHERE id = 2; INSERT INTO s VALUES (4, 1), (5, 4);
-- [tree at once] by-hand=unchecked
INSERT INTO s VALUES (10, 10), (11, 10), (12, 11);
-- [tree gone]
DELETE FROM s ORDER BY id DESC;
-- [parent moved]
UPDATE s SET up = 3 WHERE id = 1; UPDATE s SET up = id WHERE id = 2;
-- [own parent deleted and made] by-hand=unchecked
INSERT INTO s VALUES (20, 20); UPDATE s SET up = NULL WHERE id = 20; UPDATE s SET up = 20 WHERE id = 20;
-- [never NULL] by-hand=unchecked
INSERT INTO m VALUES (5, 6, 5, 6), (6, 6, 5, 6), (7, 7, 7, 7);

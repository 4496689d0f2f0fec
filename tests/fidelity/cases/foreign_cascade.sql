-- title: foreign keys ON DELETE CASCADE, SET NULL and ON UPDATE CASCADE
-- [make]
CREATE TABLE p (id INT PRIMARY KEY, v INT);
CREATE TABLE c (id INT PRIMARY KEY, p INT, v INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE n (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO p VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO c VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3);
INSERT INTO n VALUES (1, 1), (2, NULL);
-- [delete]
DELETE FROM p WHERE id = 1;
-- [delete childless]
DELETE FROM p WHERE id = 3;
-- [update key]
UPDATE p SET id = 10 WHERE id = 1;
-- [update other column]
UPDATE p SET v = 7;
-- [replace parent]
REPLACE INTO p VALUES (1, 9);
-- [insert parent]
INSERT INTO p VALUES (5, 5);
-- [child]
UPDATE c SET p = 3 WHERE id = 1; DELETE FROM c WHERE id = 2;
-- [parent and child]
DELETE FROM c WHERE p = 1; DELETE FROM n WHERE p = 1; DELETE FROM p WHERE id = 1;

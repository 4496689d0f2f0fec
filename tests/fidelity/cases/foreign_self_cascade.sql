-- title: a foreign key to its own table ON DELETE CASCADE
-- [make]
CREATE TABLE s (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES s (id) ON DELETE CASCADE);
INSERT INTO s VALUES (1, NULL), (2, 1), (3, 2), (4, 1);
-- [delete]
DELETE FROM s WHERE id = 1;
-- [delete leaf]
DELETE FROM s WHERE id = 3;
-- [insert own parent]
INSERT INTO s VALUES (10, 10), (11, 10), (12, NULL);
-- [becomes own parent]
UPDATE s SET up = id WHERE id IN (1, 3);

-- title: a foreign key to its own table ON DELETE CASCADE
-- [make]
CREATE TABLE s (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES s (id) ON DELETE CASCADE);
INSERT INTO s VALUES (1, NULL), (2, 1), (3, 2), (4, 1);
-- [delete] mariadb=warned
DELETE FROM s WHERE id = 1;
-- [delete leaf] today-mariadb=warned
DELETE FROM s WHERE id = 3;

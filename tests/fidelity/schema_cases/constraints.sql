-- title: foreign keys and checks
-- [make]
CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(10), UNIQUE KEY by_code (code));
CREATE TABLE child (id INT PRIMARY KEY, parent INT, code VARCHAR(10), n INT, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (code) REFERENCES parent (code), CONSTRAINT positive CHECK (n > 0), CHECK (n < 1000), CONSTRAINT zz CHECK (id <> n));
CREATE TABLE tree (id INT PRIMARY KEY, up INT, CONSTRAINT upward FOREIGN KEY (up) REFERENCES tree (id));
INSERT INTO parent VALUES (1, 'a'), (2, 'b');
INSERT INTO child VALUES (1, 1, 'a', 5), (2, NULL, NULL, NULL), (3, 2, 'b', 7);
INSERT INTO tree VALUES (1, NULL), (2, 1);
-- [add foreign key]
ALTER TABLE tree ADD CONSTRAINT n FOREIGN KEY (id) REFERENCES parent (id) ON DELETE CASCADE;
-- [add foreign key without a name]
ALTER TABLE child ADD FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE;
-- [drop foreign key]
ALTER TABLE child DROP FOREIGN KEY of_parent;
-- [drop foreign key and its index]
ALTER TABLE child DROP FOREIGN KEY of_parent, DROP INDEX of_parent;
-- [drop foreign key the server named]
ALTER TABLE child DROP FOREIGN KEY child_ibfk_1;
-- [drop both]
ALTER TABLE child DROP FOREIGN KEY of_parent, DROP FOREIGN KEY child_ibfk_1;
-- [drop and make with another action]
ALTER TABLE child DROP FOREIGN KEY of_parent; ALTER TABLE child ADD CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE;
-- [drop one that points to itself]
ALTER TABLE tree DROP FOREIGN KEY upward;
-- [add a column with a foreign key]
ALTER TABLE tree ADD COLUMN p INT, ADD CONSTRAINT n FOREIGN KEY (p) REFERENCES parent (id);
-- [rename a column of a foreign key]
ALTER TABLE child RENAME COLUMN parent TO mother;
-- [rename a column referred to]
ALTER TABLE parent RENAME COLUMN id TO number;
-- [rename a column that refers to itself]
ALTER TABLE tree RENAME COLUMN id TO number, RENAME COLUMN up TO above;
-- [rename the child]
RENAME TABLE child TO kid;
-- [rename the parent]
RENAME TABLE parent TO mother;
-- [rename both]
RENAME TABLE parent TO p2, child TO c2;
-- [rename by alter]
ALTER TABLE child RENAME TO kid;
-- [rename by alter with a column]
ALTER TABLE child RENAME TO kid, ADD COLUMN x INT;
-- [add check]
ALTER TABLE parent ADD CONSTRAINT n CHECK (id > 0), ADD CHECK (code <> '');
-- [add a column with a check]
ALTER TABLE parent ADD COLUMN n INT CHECK (n > 5);
-- [drop check]
ALTER TABLE child DROP CONSTRAINT positive;
-- [drop the last check]
ALTER TABLE child DROP CONSTRAINT zz;
-- [drop all checks] servers=mariadb
ALTER TABLE child DROP CONSTRAINT positive, DROP CONSTRAINT CONSTRAINT_1, DROP CONSTRAINT zz;
-- [drop all checks of mysql] servers=mysql
ALTER TABLE child DROP CHECK positive, DROP CHECK child_chk_1, DROP CHECK zz;
-- [not enforced] servers=mysql
ALTER TABLE child ALTER CHECK positive NOT ENFORCED;
-- [check under its name]
ALTER TABLE child DROP CONSTRAINT positive; ALTER TABLE child ADD CONSTRAINT positive CHECK (n > 1);
-- [like]
CREATE TABLE fresh LIKE child;
-- [widen a child column] 
ALTER TABLE child MODIFY n BIGINT, ADD KEY by_n (n);

-- title: cut values of tables with other keys, indexes and rules
-- global: sql_mode = ''
-- [make]
CREATE TABLE words (w VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY, n INT NOT NULL);
INSERT INTO words VALUES ('a', 100000), ('A', 70000), ('é ', -1), ('', 0);
CREATE TABLE bytes (k VARBINARY(16) NOT NULL, at DATETIME(6) NOT NULL, v VARCHAR(50), PRIMARY KEY (k, at DESC));
INSERT INTO bytes VALUES (X'00', '2024-01-01 00:00:00.000001', 'one and more'), (X'00', '2024-01-01 00:00:00.000002', 'two and more'), (X'0000', '2024-01-01 00:00:00', NULL);
CREATE TABLE mail (id INT PRIMARY KEY, address VARCHAR(60) NOT NULL, town INT NOT NULL, UNIQUE KEY by_address (address), CONSTRAINT near CHECK (town > 0));
INSERT INTO mail VALUES (1, 'somebody@example.org', 5), (2, 'somebody.else@éxample🙂.org', 6);
CREATE TABLE bare (id INT NOT NULL, v VARCHAR(50));
INSERT INTO bare VALUES (1, 'one and more'), (1, 'one and more');
CREATE TABLE parent (id INT PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE child (id INT PRIMARY KEY AUTO_INCREMENT, p INT NOT NULL, note VARCHAR(50), CONSTRAINT of_parent FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO child VALUES (1, 1, 'one and more'), (2, 2, 'two and more');
CREATE TABLE huge (id INT PRIMARY KEY, v LONGTEXT);
INSERT INTO huge VALUES (1, REPEAT('x', 500000)), (2, 'y');
CREATE TABLE plain_engine (id INT PRIMARY KEY, v VARCHAR(50)) ENGINE=MyISAM;
INSERT INTO plain_engine VALUES (1, 'one and more'), (2, NULL);
-- [key of words]
ALTER TABLE words MODIFY n TINYINT;
-- [key of bytes and times]
ALTER TABLE bytes MODIFY v CHAR(3);
-- [convert]
ALTER TABLE mail CONVERT TO CHARACTER SET latin1;
-- [unique index first]
ALTER TABLE mail DROP KEY by_address, MODIFY address VARCHAR(4) NOT NULL;
-- [column with a unique index]
ALTER TABLE mail DROP COLUMN address;
-- [column with a check]
ALTER TABLE mail DROP CONSTRAINT near, DROP COLUMN town;
-- [check and values]
ALTER TABLE mail DROP CONSTRAINT near, MODIFY town BIT(1) NOT NULL;
-- [column of a foreign key]
ALTER TABLE child DROP FOREIGN KEY of_parent, DROP COLUMN p, MODIFY note VARCHAR(2);
-- [foreign key made] mysql=warned
ALTER TABLE child DROP FOREIGN KEY of_parent; ALTER TABLE child MODIFY note VARCHAR(2), ADD CONSTRAINT again FOREIGN KEY (p) REFERENCES parent (id);
-- [large values]
ALTER TABLE huge MODIFY v TINYTEXT;
-- [without transactions] mysql=warned
ALTER TABLE plain_engine MODIFY v VARCHAR(3);
-- [no key] expect=warned
ALTER TABLE bare MODIFY v VARCHAR(5);

-- title: a strict mode that not every table knows
-- global: sql_mode = 'STRICT_TRANS_TABLES'
-- [make]
CREATE TABLE my (id INT NOT NULL PRIMARY KEY, a INT, v VARCHAR(20), d DATETIME) ENGINE=MyISAM;
INSERT INTO my VALUES (1, 5, 'one', '2020-01-01'), (2, 70000, 'two and more', '2021-01-01'), (3, NULL, NULL, NULL);
CREATE TABLE inn (id INT NOT NULL, a INT, v VARCHAR(20), KEY (a)) ENGINE=InnoDB;
INSERT INTO inn VALUES (1, 5, 'one'), (2, 70000, 'two and more'), (3, NULL, NULL);
-- [fails smaller]
ALTER TABLE my MODIFY a SMALLINT;
-- [fails not null]
ALTER TABLE my MODIFY a INT NOT NULL;
-- [fails primary key]
ALTER TABLE inn ADD PRIMARY KEY (a);
-- [fails to another engine]
ALTER TABLE my ENGINE=InnoDB, MODIFY a TINYINT;

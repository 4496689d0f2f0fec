-- title: dates that a session allows no longer
-- global: sql_mode = 'NO_ZERO_IN_DATE'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME, x INT);
INSERT INTO t VALUES (1, '2021-02-31', '2020-04-31 10:00:00', 1), (2, '2020-02-29', '2020-12-31', 2), (3, NULL, NULL, 3);
CREATE TABLE partly (id INT PRIMARY KEY, d DATE, x INT);
INSERT INTO partly VALUES (1, '2021-00-10', 1), (2, '0000-00-00', 2);
CREATE TABLE fine (id INT PRIMARY KEY, d DATE, x INT);
INSERT INTO fine VALUES (1, '2000-02-29', 1), (2, '1999-11-30', 2), (3, '0000-00-00', 3), (4, '2021-12-31', 4);
CREATE TABLE copied (id INT, d DATE, x INT) ENGINE=MyISAM;
INSERT INTO copied SELECT id, d, x FROM t;
-- [no such day] expect=warned
ALTER TABLE t MODIFY x BIGINT, ALGORITHM=COPY;
-- [no month] expect=warned
ALTER TABLE partly MODIFY x BIGINT, ALGORITHM=COPY;
-- [days that are]
ALTER TABLE fine MODIFY x BIGINT, ALGORITHM=COPY;
-- [dropped and kept]
ALTER TABLE t DROP COLUMN d, DROP COLUMN dt;
-- [index of a table that is copied for it] expect=warned
CREATE INDEX kx ON copied (x);
-- [index made by copying] servers=mysql expect=warned
CREATE INDEX kx ON t (x) ALGORITHM=COPY;
-- [index made in place]
CREATE INDEX kx ON t (x); DROP INDEX kx ON t;

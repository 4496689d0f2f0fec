-- title: a sequence as the default of a column
-- servers: mariadb
-- [make]
CREATE SEQUENCE s START WITH 100;
CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(s), v INT);
INSERT INTO t (v) VALUES (1), (2);
-- [insert]
INSERT INTO t (v) VALUES (3), (4);
-- [delete]
DELETE FROM t WHERE v = 1;

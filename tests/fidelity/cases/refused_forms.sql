-- title: statements whose effect cannot be seen in the ticket or in the binlog
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE PROCEDURE p () UPDATE t SET v = 'x';
-- [load data] expect=refused
LOAD DATA INFILE '/tmp/x' INTO TABLE t;
-- [load data local] expect=refused
LOAD DATA LOCAL INFILE '/tmp/x' INTO TABLE t;
-- [call] expect=refused
CALL p();
-- [begin] expect=refused
BEGIN; UPDATE t SET v = 'x'; COMMIT;
-- [savepoint] expect=refused
SAVEPOINT s;
-- [xa] expect=refused
XA START 'x';
-- [set] expect=refused
SET sql_log_bin = 0; DELETE FROM t;
-- [temporary table] expect=refused
CREATE TEMPORARY TABLE t (id INT);
-- [lock] expect=refused
LOCK TABLES t WRITE;
-- [executable comment] expect=refused
DELETE FROM t /*! WHERE id = 1 */;
-- [trigger] expect=refused
CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 'x';
-- [other schema] expect=refused
DELETE FROM mysql.user;
-- [unknown table] expect=refused
DELETE FROM nowhere;
-- [prepare] expect=refused
PREPARE s FROM 'DELETE FROM t';

-- title: views
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE VIEW plain AS SELECT id, v FROM t;
CREATE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW checked (number, `the text`) AS SELECT id, v FROM t WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW upon AS SELECT id, CONCAT(v, ' as `x` AS ', 'it''s') AS `a``b` FROM plain;
-- [create]
CREATE SQL SECURITY INVOKER VIEW fresh AS SELECT id FROM t;
-- [create upon a view]
CREATE SQL SECURITY INVOKER VIEW fresh (a, b) AS SELECT c.number, 'x' FROM checked c JOIN (SELECT 1 AS one) o;
-- [create of a table the ticket makes]
CREATE TABLE fresh_t (id INT); CREATE SQL SECURITY INVOKER VIEW fresh AS SELECT * FROM fresh_t;
-- [replace]
CREATE OR REPLACE SQL SECURITY INVOKER VIEW plain AS SELECT id FROM t;
-- [replace one with a check]
CREATE OR REPLACE SQL SECURITY INVOKER VIEW checked AS SELECT 1 AS one;
-- [replace what is not there]
CREATE OR REPLACE SQL SECURITY INVOKER VIEW fresh AS SELECT 1 AS one;
-- [create if not exists] servers=mariadb
CREATE VIEW IF NOT EXISTS plain AS SELECT 1 AS one;
-- [drop]
DROP VIEW upon;
-- [drop one with a check]
DROP VIEW checked;
-- [drop several]
DROP VIEW upon, checked;
-- [drop if exists]
DROP VIEW IF EXISTS nothing;
-- [rename]
RENAME TABLE checked TO checked2;
-- [table under a view]
ALTER TABLE t ADD COLUMN x INT FIRST;
-- [drop, change, make]
DROP VIEW checked; ALTER TABLE t MODIFY v VARCHAR(50); CREATE SQL SECURITY INVOKER VIEW checked AS SELECT v FROM t;
-- [alter]
ALTER VIEW plain AS SELECT id FROM t WHERE id > 1;
-- [alter all its words]
ALTER ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW upon (x) AS SELECT v FROM plain;
-- [alter a check away]
ALTER SQL SECURITY INVOKER VIEW checked AS SELECT v, id FROM t;
-- [alter a check in]
ALTER SQL SECURITY INVOKER VIEW plain (`odd ``name`) AS SELECT id FROM t WHERE id < 100 WITH CASCADED CHECK OPTION;
-- [alter twice, rows between]
ALTER VIEW plain AS SELECT id, v, 'é' AS accent FROM t; UPDATE t SET v = 'c' WHERE id = 1; ALTER SQL SECURITY INVOKER VIEW plain AS SELECT v FROM t;
-- [alter one that the ticket makes]
CREATE SQL SECURITY INVOKER VIEW fresh AS SELECT id FROM t; ALTER SQL SECURITY INVOKER VIEW fresh AS SELECT v FROM t;
-- [alter to the same]
ALTER VIEW plain AS SELECT id, v FROM t;
-- [drop and make again]
DROP VIEW upon; CREATE SQL SECURITY INVOKER VIEW upon AS SELECT 1 AS one;

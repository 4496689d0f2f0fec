-- title: tables with system versioning, whose history grows
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING;
INSERT INTO t VALUES (1, 1), (2, 2);
CREATE TABLE e (id INT PRIMARY KEY, v INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, f TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
  PERIOD FOR SYSTEM_TIME (s, f)) WITH SYSTEM VERSIONING;
INSERT INTO e (id, v) VALUES (1, 1), (2, 2);
-- [update] expect=warned
UPDATE t SET v = 9;
-- [delete] expect=warned
DELETE FROM t WHERE id = 1;
-- [columns shown] expect=warned
UPDATE e SET v = 9;

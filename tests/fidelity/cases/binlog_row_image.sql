-- title: a row image that is not FULL
-- global: binlog_row_image = MINIMAL
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), w INT);
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2);
-- [delete] expect=refused
DELETE FROM t WHERE id > 0;
-- [update] expect=refused
UPDATE t SET v = 'new';

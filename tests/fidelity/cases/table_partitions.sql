-- title: partitioned tables, rows that move between partitions
-- [make]
CREATE TABLE t (id INT, y INT, v VARCHAR(10), PRIMARY KEY (id, y)) PARTITION BY RANGE (y)
  (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN (2024), PARTITION p2 VALUES LESS THAN MAXVALUE);
INSERT INTO t VALUES (1, 2019, 'a'), (2, 2021, 'b'), (3, 2025, 'c');
-- [update]
UPDATE t SET y = y + 3;
-- [delete from partition]
DELETE FROM t PARTITION (p0, p1) WHERE id > 0;
-- [insert]
INSERT INTO t PARTITION (p2) VALUES (4, 2030, 'd');
-- [truncate partition]
ALTER TABLE t TRUNCATE PARTITION p0;
-- [drop partition]
ALTER TABLE t DROP PARTITION p0;

-- title: views made in sessions of other character sets
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
SET NAMES latin1 COLLATE latin1_german1_ci;
CREATE VIEW latin AS SELECT id, 'x' AS x FROM t WHERE v = 'A';
SET NAMES utf8mb4 COLLATE utf8mb4_bin;
CREATE VIEW strict AS SELECT id, 'ü' AS `ü` FROM t WHERE v = 'A';
SET NAMES utf8mb4;
-- [alter latin1]
ALTER VIEW latin AS SELECT 1 AS one;
-- [alter another collation]
ALTER VIEW strict AS SELECT id, 'ü' AS `ü` FROM t WHERE v = 'A';
-- [replace latin1]
CREATE OR REPLACE SQL SECURITY INVOKER VIEW latin AS SELECT v FROM t;
-- [drop both]
DROP VIEW latin, strict;

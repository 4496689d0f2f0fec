-- title: MyISAM: no transactions
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=MyISAM;
INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
-- [update] expect=stopped
UPDATE t SET v = v + 1;
-- [insert that fails half way] expect=stopped
INSERT INTO t VALUES (8, 8), (9, 9), (1, 1), (10, 10);
-- [update that fails half way] expect=stopped
UPDATE t SET id = IF(id = 3, 30, 1) ORDER BY id DESC;

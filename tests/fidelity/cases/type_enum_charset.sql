-- title: ENUM and SET with members in gbk and in latin1
-- [make]
SET NAMES utf8mb4;
CREATE TABLE t (id INT PRIMARY KEY, v ENUM('中', '国') CHARACTER SET gbk, w SET('红', '绿', '蓝') CHARACTER SET gbk,
  l ENUM('é', 'à') CHARACTER SET latin1);
INSERT INTO t VALUES (1, '中', '红,蓝', 'é'), (2, '国', '', 'à'), (3, NULL, NULL, NULL);
CREATE TABLE m (id INT PRIMARY KEY, l ENUM('é', 'à') CHARACTER SET latin1);
INSERT INTO m SELECT id, l FROM t;
-- [gbk]
UPDATE t SET v = '国', w = '绿' WHERE id < 3;
-- [latin1]
UPDATE m SET l = 'à' WHERE id = 1;

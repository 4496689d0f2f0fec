-- title: common table expressions
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, g INT, v VARCHAR(10));
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
-- [update] servers=mysql
WITH c AS (SELECT id FROM t WHERE g = 1) UPDATE t JOIN c USING (id) SET v = 'cte';
-- [delete] servers=mysql
WITH c AS (SELECT id FROM t WHERE g = 1) DELETE t FROM t JOIN c USING (id);
-- [insert]
INSERT INTO t WITH c AS (SELECT id + 10 AS id, g, v FROM t) SELECT * FROM c;

-- title: changes through views
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, g INT, v VARCHAR(10));
INSERT INTO t VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
CREATE VIEW w AS SELECT id, v AS value FROM t WHERE g = 1;
CREATE VIEW ww AS SELECT id, value AS again FROM w;
-- [update]
UPDATE w SET value = 'x';
-- [through two]
UPDATE ww SET again = 'y' WHERE id = 1;
-- [delete]
DELETE FROM w WHERE id = 2;
-- [insert]
INSERT INTO w (id, value) VALUES (7, 'new');

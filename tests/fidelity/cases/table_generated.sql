-- title: generated columns, stored and virtual
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a + 1) STORED, d VARCHAR(20), UNIQUE (c));
INSERT INTO t (id, a, d) VALUES (1, 10, 'x'), (2, 20, NULL), (3, NULL, 'z');
CREATE TABLE n (a INT, c INT AS (a + 1) STORED, v INT AS (a + 2) VIRTUAL, d INT);
INSERT INTO n (a, d) VALUES (1, 1), (1, 1), (NULL, 2);
-- [update]
UPDATE t SET a = a + 5, d = 'new';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [insert]
INSERT INTO t (id, a) VALUES (4, 4), (5, 5);
-- [no key]
DELETE FROM n WHERE d > 0;

-- title: MariaDB's unique keys over long texts, which it keeps as a hidden hash
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, doc TEXT, note VARCHAR(3000), UNIQUE KEY by_doc (doc), UNIQUE KEY by_note (note) USING HASH);
INSERT INTO t VALUES (1, 'a', 'x'), (2, REPEAT('b', 3000), NULL), (3, NULL, 'é');
CREATE TABLE nokey (doc LONGTEXT, v INT, UNIQUE KEY by_doc (doc));
INSERT INTO nokey VALUES ('a', 1), ('b', 2), (NULL, 3);
-- [insert]
INSERT INTO t VALUES (4, 'd', 'y');
-- [update]
UPDATE t SET doc = CONCAT(doc, '!'), note = CONCAT(note, '2');
-- [delete]
DELETE FROM t;
-- [replace]
REPLACE INTO t VALUES (9, 'a', 'é');
-- [no key]
UPDATE nokey SET v = v + 1, doc = CONCAT(doc, 'z'); DELETE FROM nokey WHERE v = 3;

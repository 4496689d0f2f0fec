-- title: rows that a collation holds equal: 'A' and 'a', with and without a key
-- [make]
CREATE TABLE n (v VARCHAR(20) COLLATE utf8mb4_general_ci);
INSERT INTO n VALUES ('a'), ('A'), ('á');
CREATE TABLE t (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT);
INSERT INTO t VALUES ('anna', 1), ('BERT', 2);
-- [no key delete]
DELETE FROM n WHERE BINARY v = 'A';
-- [no key insert]
INSERT INTO n VALUES ('A');
-- [no key update]
UPDATE n SET v = 'b' WHERE BINARY v = 'A';
-- [key letter case]
UPDATE t SET k = 'ANNA' WHERE v = 1;
-- [value letter case]
UPDATE n SET v = UPPER(v) WHERE BINARY v = 'a';

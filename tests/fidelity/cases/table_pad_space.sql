-- title: rows that differ in trailing blanks only
-- [make]
CREATE TABLE n (v VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, x INT);
INSERT INTO n VALUES ('x', 1), ('x ', 1), ('x  ', 1), ('', 1), (' ', 1);
CREATE TABLE t (k VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v INT);
INSERT INTO t VALUES ('k  ', 1), ('', 2);
-- [no key insert]
INSERT INTO n VALUES ('x ', 1), ('  ', 1);
-- [no key delete]
DELETE FROM n WHERE LENGTH(v) = 2;
-- [no key update]
UPDATE n SET x = 2 WHERE LENGTH(v) > 1;
-- [key]
UPDATE t SET k = 'k', v = 3 WHERE v = 1;

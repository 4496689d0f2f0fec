-- title: GEOMETRY and its kinds, SRIDs, without a key
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, g GEOMETRY, p POINT, l LINESTRING, n INT);
INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(0.1 -0.2)'), ST_GeomFromText('LINESTRING(0 0, 1 1, 2 3)'), 1),
  (2, ST_GeomFromText('POLYGON((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))'), NULL, NULL, 2),
  (3, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))'), NULL, NULL, 3), (4, ST_GeomFromText('POINT(10 20)', 4326), NULL, NULL, 4);
CREATE TABLE n (g GEOMETRY, x INT);
INSERT INTO n SELECT g, n FROM t;
-- [update]
UPDATE t SET g = NULL, p = ST_GeomFromText('POINT(9 9)'), l = NULL;
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
DELETE FROM n WHERE x > 0;

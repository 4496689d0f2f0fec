-- title: a column restricted to SRID 4326, with a spatial index
-- servers: mysql
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, g POINT NOT NULL SRID 4326, SPATIAL INDEX (g));
INSERT INTO t VALUES (1, ST_GeomFromText('POINT(10 20)', 4326)), (2, ST_GeomFromText('POINT(-33.9 151.2)', 4326));
-- [delete]
DELETE FROM t WHERE id > 0;

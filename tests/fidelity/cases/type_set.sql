-- title: SET: empty, NULL, 64 members
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v SET('a', 'b', 'c'), w SET('m1','m2','m3','m4','m5','m6','m7','m8','m9','m10','m11','m12','m13','m14','m15','m16','m17','m18','m19','m20','m21','m22','m23','m24','m25','m26','m27','m28','m29','m30','m31','m32','m33','m34','m35','m36','m37','m38','m39','m40','m41','m42','m43','m44','m45','m46','m47','m48','m49','m50','m51','m52','m53','m54','m55','m56','m57','m58','m59','m60','m61','m62','m63','m64'));
INSERT INTO t VALUES (1, '', ''), (2, 'a,c', 'm64'), (3, NULL, NULL), (4, 'a,b,c', 'm1,m63,m64');
UPDATE t SET w = 18446744073709551615 WHERE id = 4;
CREATE TABLE n AS SELECT v, w FROM t;
-- [update]
UPDATE t SET v = 'b', w = 'm2';
-- [delete]
DELETE FROM t WHERE id > 0;
-- [no key]
UPDATE n SET w = 'm5' WHERE 1 = 1;

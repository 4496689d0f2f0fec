-- title: row metadata at its least: no names, signs or members in the binlog
-- [make]
SET @x = 1;
CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, e ENUM('x', 'y'), u BIGINT UNSIGNED, v VARCHAR(20));
INSERT INTO t VALUES (4294967295, 'y', 18446744073709551615, 'é'), (1, 'x', 0, NULL);
-- [update]
UPDATE t SET e = 'x', u = 5, v = 'new';

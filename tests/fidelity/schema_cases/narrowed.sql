-- title: types that cut values, in a session that lets them
-- global: sql_mode = ''
-- [make]
CREATE TABLE t (id INT NOT NULL, part CHAR(3) NOT NULL, i INT, b BIGINT UNSIGNED, v VARCHAR(100), n VARCHAR(20), c CHAR(10), u VARCHAR(20) CHARACTER SET utf8mb4, tx TEXT, mt MEDIUMTEXT, de DECIMAL(12,4), fl FLOAT, db DOUBLE, da DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL, tm TIME(6), y YEAR, en ENUM('a','b','c'), se SET('a','b','c'), vb VARBINARY(20), bl BLOB, bt BIT(20), j JSON, up TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (id, part), KEY by_v (v)) DEFAULT CHARSET utf8mb4;
INSERT INTO t VALUES (1, 'a', 2147483647, 18446744073709551615, REPEAT('long ', 19), 'abc', 'x', 'é€🙂', REPEAT('text ', 100), REPEAT('€', 30000), 12345678.9876, 1.1, 1.23456789012345, '2024-02-29', '2024-02-29 23:59:59.987654', '2024-02-29 23:59:59.987', '-838:59:59.5', 2024, 'a', 'a,c', X'00FF00', X'00FF', b'10101010101010101010', '{"a": [1, 2.50]}', '2020-01-01'), (1, 'b', -5, 7, 'ab  ', '12x', 'y  ', 'plain', '', '', -0.5, -0.0, 1e300, '0000-00-00', '0000-00-00', NULL, '10:00:00', 0, 'b', '', '', '', b'0', '[]', '2020-01-01'), (2, 'ü', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2020-01-01'), (-3, 'c', 40000, 70000, 'short', '', '', '', 'x', 'y', 3, 3, 3, '1999-12-31', '1999-12-31', '1999-12-31', '00:00:00', 1999, 'c', 'b', 'abc', 'abc', b'111', '"x"', '2020-01-01');
-- [int to smallint]
ALTER TABLE t MODIFY i SMALLINT;
-- [sign]
ALTER TABLE t MODIFY i INT UNSIGNED;
-- [unsigned bigint to bigint]
ALTER TABLE t MODIFY b BIGINT;
-- [varchar shorter]
ALTER TABLE t MODIFY v VARCHAR(10);
-- [varchar shorter, renamed and moved]
ALTER TABLE t CHANGE v w VARCHAR(4) FIRST, ADD COLUMN v INT;
-- [varchar to int]
ALTER TABLE t MODIFY n INT;
-- [varchar to double]
ALTER TABLE t MODIFY n DOUBLE;
-- [varchar to date]
ALTER TABLE t MODIFY n DATE;
-- [varchar to varbinary]
ALTER TABLE t MODIFY v VARBINARY(6);
-- [varchar to enum]
ALTER TABLE t MODIFY n ENUM('abc', 'q');
-- [char shorter]
ALTER TABLE t MODIFY c CHAR(0);
-- [utf8mb4 to latin1]
ALTER TABLE t MODIFY u VARCHAR(20) CHARACTER SET latin1;
-- [utf8mb4 to ascii, not null]
ALTER TABLE t MODIFY u VARCHAR(20) CHARACTER SET ascii NOT NULL DEFAULT 'none';
-- [text to varchar]
ALTER TABLE t MODIFY tx VARCHAR(7);
-- [mediumtext to text]
ALTER TABLE t MODIFY mt TEXT;
-- [decimal scale]
ALTER TABLE t MODIFY de DECIMAL(10,1);
-- [decimal digits]
ALTER TABLE t MODIFY de DECIMAL(5,4) UNSIGNED;
-- [decimal to int]
ALTER TABLE t MODIFY de INT;
-- [float with digits]
ALTER TABLE t MODIFY fl FLOAT(5,1);
-- [double to float]
ALTER TABLE t MODIFY db FLOAT;
-- [double to int]
ALTER TABLE t MODIFY db INT;
-- [date to year]
ALTER TABLE t MODIFY da YEAR;
-- [fraction cut]
ALTER TABLE t MODIFY dt DATETIME, MODIFY tm TIME, MODIFY ts TIMESTAMP NULL;
-- [datetime to date]
ALTER TABLE t MODIFY dt DATE;
-- [datetime to timestamp]
ALTER TABLE t MODIFY dt TIMESTAMP NULL;
-- [datetime to time]
ALTER TABLE t MODIFY dt TIME;
-- [timestamp to datetime]
ALTER TABLE t MODIFY ts DATETIME;
-- [timestamp to int]
ALTER TABLE t MODIFY ts BIGINT;
-- [timestamp not null]
ALTER TABLE t MODIFY ts TIMESTAMP(3) NOT NULL;
-- [time to datetime]
ALTER TABLE t MODIFY tm DATETIME;
-- [year to tinyint]
ALTER TABLE t MODIFY y TINYINT;
-- [enum members removed]
ALTER TABLE t MODIFY en ENUM('b','z');
-- [enum to varchar]
ALTER TABLE t MODIFY en VARCHAR(5);
-- [enum to int]
ALTER TABLE t MODIFY en INT;
-- [set members removed]
ALTER TABLE t MODIFY se SET('b','c');
-- [varbinary shorter]
ALTER TABLE t MODIFY vb VARBINARY(2);
-- [varbinary to binary]
ALTER TABLE t MODIFY vb BINARY(20);
-- [blob to text]
ALTER TABLE t MODIFY bl TEXT CHARACTER SET utf8mb4;
-- [bit shorter]
ALTER TABLE t MODIFY bt BIT(3);
-- [bit to int]
ALTER TABLE t MODIFY bt INT;
-- [json to text]
ALTER TABLE t MODIFY j LONGTEXT;
-- [json to varchar] mysql=warned
ALTER TABLE t MODIFY j VARCHAR(5);
-- [not null]
ALTER TABLE t MODIFY i INT NOT NULL, MODIFY v VARCHAR(100) NOT NULL, MODIFY da DATE NOT NULL, MODIFY en ENUM('a','b','c') NOT NULL, MODIFY bl BLOB NOT NULL;
-- [plain to stored]
ALTER TABLE t MODIFY i INT AS (id * 2) STORED;
-- [column that sets itself]
ALTER TABLE t MODIFY up DATE;
-- [cut and dropped]
ALTER TABLE t MODIFY v VARCHAR(3), DROP COLUMN n, DROP COLUMN i;
-- [rows in between]
UPDATE t SET v = CONCAT('before ', id) WHERE id = 1; ALTER TABLE t MODIFY v VARCHAR(5), MODIFY de INT; UPDATE t SET v = 'after', de = de + 1 WHERE id = -3; DELETE FROM t WHERE id = 2; INSERT INTO t (id, part, v) VALUES (9, 'z', 'new');
-- [twice]
ALTER TABLE t MODIFY v VARCHAR(20); ALTER TABLE t MODIFY v VARCHAR(3), MODIFY i TINYINT; ALTER TABLE t DROP COLUMN v;
-- [key of another type]
ALTER TABLE t MODIFY id BIGINT NOT NULL, MODIFY v VARCHAR(5);
-- [key renamed]
ALTER TABLE t CHANGE id nr INT NOT NULL, MODIFY v VARCHAR(5);
-- [unique index goes]
ALTER TABLE t ADD UNIQUE KEY one (db, id); ALTER TABLE t DROP KEY one, DROP COLUMN db, MODIFY v VARCHAR(1);
-- [the key itself] expect=warned
ALTER TABLE t MODIFY id TINYINT UNSIGNED NOT NULL;
-- [characters of the key] expect=warned
ALTER TABLE t CONVERT TO CHARACTER SET latin1;
-- [renamed too] expect=warned
ALTER TABLE t MODIFY v VARCHAR(5), RENAME TO t2;

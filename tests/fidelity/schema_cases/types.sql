-- title: types widened and narrowed
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, i INT, u INT UNSIGNED, ti TINYINT, v VARCHAR(10), ch CHAR(10), l VARCHAR(10) CHARACTER SET latin1, tx TEXT, de DECIMAL(10,2), fl FLOAT, db DOUBLE, da DATE, dt DATETIME, dt3 DATETIME(3), ts TIMESTAMP NULL, tm TIME, y YEAR, en ENUM('a','b'), se SET('a','b'), vb VARBINARY(10), bi BINARY(3), bl BLOB, bt BIT(9), ge POINT);
INSERT INTO t VALUES (1, 2147483647, 4294967295, -128, 'abc  ', 'abc', 'é€', 'text', 12345678.99, 1.1, 1.1, '2024-02-29', '2024-02-29 23:59:59', '2024-02-29 23:59:59.987', '2024-02-29 23:59:59', '-838:59:59', 2024, 'b', 'a,b', 'abc\0', 'abc', 'blob', b'101010101', ST_GeomFromText('POINT(1 2)')), (2, NULL, NULL, NULL, '', '', '', '', 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '', '', '', b'0', NULL);
-- [int to bigint]
ALTER TABLE t MODIFY i BIGINT;
-- [unsigned to bigint]
ALTER TABLE t MODIFY u BIGINT;
-- [tinyint to int]
ALTER TABLE t MODIFY ti INT NULL DEFAULT 3;
-- [int to smaller that fits]
UPDATE t SET i = 5 WHERE id = 1; ALTER TABLE t MODIFY i SMALLINT;
-- [zerofill]
ALTER TABLE t MODIFY u INT(8) UNSIGNED ZEROFILL;
-- [varchar longer]
ALTER TABLE t MODIFY v VARCHAR(200);
-- [varchar much longer]
ALTER TABLE t MODIFY v VARCHAR(2000);
-- [varchar to text]
ALTER TABLE t MODIFY v TEXT;
-- [char to varchar]
ALTER TABLE t MODIFY ch VARCHAR(30);
-- [text to longtext]
ALTER TABLE t MODIFY tx LONGTEXT;
-- [latin1 to utf8mb4]
ALTER TABLE t MODIFY l VARCHAR(10) CHARACTER SET utf8mb4;
-- [latin1 to utf8mb4 and longer]
ALTER TABLE t MODIFY l VARCHAR(40) CHARACTER SET utf8mb4 NOT NULL DEFAULT 'ü';
-- [decimal wider]
ALTER TABLE t MODIFY de DECIMAL(14,4);
-- [float to double]
ALTER TABLE t MODIFY fl DOUBLE;
-- [date to datetime]
ALTER TABLE t MODIFY da DATETIME;
-- [datetime finer]
ALTER TABLE t MODIFY dt DATETIME(6), MODIFY dt3 DATETIME(6);
-- [timestamp finer]
ALTER TABLE t MODIFY ts TIMESTAMP(3) NULL;
-- [time finer]
ALTER TABLE t MODIFY tm TIME(2);
-- [enum longer]
ALTER TABLE t MODIFY en ENUM('a','b','c','d');
-- [enum other order]
ALTER TABLE t MODIFY en ENUM('b','x','a');
-- [set longer]
ALTER TABLE t MODIFY se SET('a','b','c') NOT NULL;
-- [varbinary longer]
ALTER TABLE t MODIFY vb VARBINARY(300);
-- [blob to longblob]
ALTER TABLE t MODIFY bl LONGBLOB;
-- [bit longer]
ALTER TABLE t MODIFY bt BIT(20);
-- [point to geometry]
ALTER TABLE t MODIFY ge GEOMETRY;
-- [many at once]
ALTER TABLE t MODIFY i BIGINT, MODIFY v VARCHAR(90), MODIFY de DECIMAL(20,5), MODIFY en ENUM('a','b','c'), MODIFY dt DATETIME(1) AFTER id;
-- [varchar to char]
ALTER TABLE t MODIFY v CHAR(10);
-- [decimal rounded]
ALTER TABLE t MODIFY de DECIMAL(10,1);
-- [double to float]
ALTER TABLE t MODIFY db FLOAT;
-- [datetime to date]
ALTER TABLE t MODIFY dt DATE;
-- [fraction cut]
ALTER TABLE t MODIFY dt3 DATETIME;
-- [timestamp to datetime]
ALTER TABLE t MODIFY ts DATETIME;
-- [int to varchar]
ALTER TABLE t MODIFY i VARCHAR(20);
-- [binary longer]
ALTER TABLE t MODIFY bi BINARY(5);
-- [text to varchar]
ALTER TABLE t MODIFY tx VARCHAR(20);
-- [plain to stored]
ALTER TABLE t MODIFY i INT AS (id + 1) STORED;

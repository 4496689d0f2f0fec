-- title: what only MariaDB has
-- servers: mariadb
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, u UUID DEFAULT UUID(), i6 INET6, c VARCHAR(200) COMPRESSED, tc TEXT COMPRESSED, h INT INVISIBLE DEFAULT 4, j JSON, d DATE, n INT CHECK (n > 0), lt TEXT, KEY kn (n), UNIQUE KEY ul (lt) USING HASH, KEY ku (u));
INSERT INTO t (u, i6, c, tc, h, j, d, n, lt) VALUES ('123e4567-e89b-12d3-a456-426655440000', '::1', 'compressed one', REPEAT('xy', 500), 1, '{"a":1}', '2020-01-01', 5, 'one'), ('00000000-0000-0000-0000-000000000000', '2001:db8::ff00:42:8329', '', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, '', 7, '[1.0]', '2021-01-01', 9, 'two');
CREATE TABLE per (id INT NOT NULL, s DATE NOT NULL, e DATE NOT NULL, v VARCHAR(20), PERIOD FOR app (s, e), PRIMARY KEY (id, app WITHOUT OVERLAPS));
INSERT INTO per VALUES (1, '2020-01-01', '2020-02-01', 'jan'), (1, '2020-02-01', '2020-03-01', 'feb');
CREATE TABLE per2 (id INT NOT NULL PRIMARY KEY, k INT, s DATETIME(3) NOT NULL, e DATETIME(3) NOT NULL, v VARCHAR(20), PERIOD FOR `a``p` (s, e), UNIQUE KEY uo (k, `a``p` WITHOUT OVERLAPS));
INSERT INTO per2 VALUES (1, 1, '2020-01-01', '2020-02-01', 'jan'), (2, 1, '2020-02-01', '2020-03-01', 'feb');
CREATE SEQUENCE sq START WITH 5;
CREATE TABLE sd (id INT PRIMARY KEY, v INT DEFAULT NEXT VALUE FOR sq, w INT);
INSERT INTO sd (id) VALUES (1), (2);
CREATE TABLE ar (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=Aria TRANSACTIONAL=1 PAGE_CHECKSUM=1;
INSERT INTO ar VALUES (1, 'x'), (2, 'y');
CREATE TABLE ver (id INT PRIMARY KEY, v INT, w INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING;
INSERT INTO ver VALUES (1, 1, 1), (2, 2, 2); UPDATE ver SET v = 5 WHERE id = 1;
CREATE TABLE pp (id INT PRIMARY KEY, v INT) PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=3;
INSERT INTO pp VALUES (1, 1);
-- [compressed to plain]
ALTER TABLE t MODIFY c VARCHAR(200), MODIFY tc TEXT;
-- [plain to compressed]
ALTER TABLE t MODIFY lt MEDIUMTEXT COMPRESSED, DROP KEY ul; UPDATE t SET lt = REPEAT('a', 300) WHERE id = 2;
-- [compressed narrower]
ALTER TABLE t MODIFY c VARCHAR(250) COMPRESSED, MODIFY tc LONGTEXT COMPRESSED;
-- [drop the compressed]
ALTER TABLE t DROP COLUMN c, DROP COLUMN tc;
-- [drop uuid and inet]
ALTER TABLE t DROP COLUMN u, DROP COLUMN i6;
-- [uuid to char]
ALTER TABLE t MODIFY u CHAR(36), MODIFY i6 VARCHAR(39);
-- [uuid to binary]
ALTER TABLE t MODIFY u BINARY(16), MODIFY i6 VARBINARY(16);
-- [json to text]
ALTER TABLE t MODIFY j LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- [drop json]
ALTER TABLE t DROP COLUMN j, DROP COLUMN d;
-- [check inside of a column]
ALTER TABLE t MODIFY n BIGINT CHECK (n > 1), ALTER h SET DEFAULT 5;
-- [column with a check renamed]
ALTER TABLE t CHANGE n nn INT CHECK (nn > 0);
-- [column with a check renamed by name]
ALTER TABLE t RENAME COLUMN n TO nn;
-- [drop the column with a check]
ALTER TABLE t DROP COLUMN n;
-- [hash key dropped with its column]
ALTER TABLE t DROP COLUMN lt;
-- [hash key dropped and made plain]
ALTER TABLE t DROP KEY ul, ADD KEY ul (lt(10)), MODIFY lt VARCHAR(50);
-- [hidden column shown and moved]
ALTER TABLE t MODIFY h BIGINT DEFAULT 4 FIRST;
-- [drop hidden]
ALTER TABLE t DROP COLUMN h, ALTER KEY kn IGNORED;
-- [period dropped]
ALTER TABLE per2 DROP KEY uo, DROP PERIOD FOR `a``p`;
-- [period dropped, columns kept and changed]
ALTER TABLE per2 DROP KEY uo, DROP PERIOD FOR `a``p`, MODIFY s DATE NOT NULL, MODIFY e DATE NOT NULL;
-- [period renamed]
ALTER TABLE per2 DROP KEY uo, DROP PERIOD FOR `a``p`; ALTER TABLE per2 ADD PERIOD FOR q (s, e), ADD UNIQUE KEY uo (k, q WITHOUT OVERLAPS);
-- [columns of a period gone]
ALTER TABLE per2 DROP KEY uo, DROP PERIOD FOR `a``p`, DROP COLUMN s, DROP COLUMN e;
-- [column beside a period] expect=warned
UPDATE per SET v = LEFT(v, 2); ALTER TABLE per MODIFY v VARCHAR(2);
-- [column beside a period cut] expect=warned
ALTER TABLE per DROP COLUMN v, ADD COLUMN z INT DEFAULT 3;
-- [key with overlaps]
ALTER TABLE per DROP PRIMARY KEY, ADD PRIMARY KEY (id, s);
-- [drop a table with a period]
DROP TABLE per, per2;
-- [truncate a table with a period]
TRUNCATE per2; TRUNCATE per; INSERT INTO per VALUES (1, '2020-01-01', '2020-02-01', 'new');
-- [default of a sequence away] expect=warned
ALTER TABLE sd MODIFY v INT, DROP COLUMN w;
-- [column with a sequence dropped] expect=warned
ALTER TABLE sd DROP COLUMN v;
-- [column with a sequence added]
ALTER TABLE sd ADD COLUMN x BIGINT NOT NULL DEFAULT (NEXT VALUE FOR sq), ALTER w SET DEFAULT (NEXT VALUE FOR sq);
-- [table with a sequence renamed] expect=warned
RENAME TABLE sd TO sd2; INSERT INTO sd2 (id) VALUES (9); TRUNCATE sd2;
-- [sequence renamed]
RENAME TABLE sq TO sq2;
-- [sequence altered like a table]
ALTER TABLE sq COMMENT 'x';
-- [aria options]
ALTER TABLE ar TRANSACTIONAL=0, PAGE_CHECKSUM=0, ROW_FORMAT=DYNAMIC;
-- [aria narrowed]
ALTER TABLE ar MODIFY v VARCHAR(1) DEFAULT 'z', COMMENT 'q';
-- [aria dropped]
DROP TABLE ar;
-- [aria column dropped]
ALTER TABLE ar DROP COLUMN v, ADD COLUMN q INT;
-- [aria to innodb]
ALTER TABLE ar ENGINE=InnoDB, ADD COLUMN q INT;
-- [versioned dropped] expect=warned
DROP TABLE ver;
-- [page compression changed]
ALTER TABLE pp PAGE_COMPRESSION_LEVEL=9, MODIFY v BIGINT;
-- [page compression default]
ALTER TABLE pp PAGE_COMPRESSED=DEFAULT, PAGE_COMPRESSION_LEVEL=DEFAULT;
-- [drop page compressed]
DROP TABLE pp;
-- [encryption words]
ALTER TABLE pp ENCRYPTED=NO ENCRYPTION_KEY_ID=1;
-- [if exists all over]
ALTER TABLE IF EXISTS t DROP COLUMN IF EXISTS nix, MODIFY COLUMN IF EXISTS nix INT, CHANGE COLUMN IF EXISTS nix n2 INT, RENAME COLUMN IF EXISTS nix TO n3, DROP INDEX IF EXISTS nix, DROP CONSTRAINT IF EXISTS nix, DROP FOREIGN KEY IF EXISTS nix, RENAME INDEX IF EXISTS nix TO kk, ALTER INDEX IF EXISTS nix IGNORED, ADD INDEX IF NOT EXISTS kn (id), ADD COLUMN IF NOT EXISTS (n INT, fresh INT), ADD CONSTRAINT IF NOT EXISTS ck CHECK (n > -5), ALTER COLUMN IF EXISTS nix SET DEFAULT 5;
-- [rename of what is not there to what is]
ALTER TABLE t RENAME COLUMN IF EXISTS nix TO n, ADD COLUMN q INT;
-- [change of what is not there to what is]
ALTER TABLE t CHANGE COLUMN IF EXISTS nix d INT, MODIFY COLUMN IF EXISTS h BIGINT INVISIBLE;
-- [drop if exists that is there]
ALTER TABLE t DROP COLUMN IF EXISTS d, DROP COLUMN IF EXISTS nix, DROP INDEX IF EXISTS kn;
-- [table that is not there]
ALTER TABLE IF EXISTS nix ADD COLUMN x INT;
-- [waiting]
ALTER TABLE t NOWAIT ADD COLUMN q INT; RENAME TABLE t WAIT 3 TO t2; TRUNCATE TABLE t2 WAIT 5; DROP TABLE t2 NOWAIT;
-- [online words]
ALTER ONLINE TABLE sd ADD COLUMN q INT, ALGORITHM=NOCOPY, LOCK=NONE; DROP INDEX IF EXISTS kn ON t NOWAIT;
-- [create or replace index of another column]
CREATE OR REPLACE UNIQUE INDEX kn ON t (n DESC, id);
-- [drop primary key and descending one]
ALTER TABLE t MODIFY id INT NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (id DESC);
-- [inline foreign key]
CREATE TABLE kid (id INT PRIMARY KEY, p INT REFERENCES t (id) ON DELETE CASCADE); INSERT INTO kid VALUES (1, 1); ALTER TABLE kid ADD COLUMN p2 INT REFERENCES t (id); DROP TABLE kid;
-- [create select of odd types]
CREATE TABLE fresh (PRIMARY KEY (id)) AS SELECT id, u, i6, c, tc, j, h, 1.50 AS de, NOW(3) AS at, NULL AS nu, 'x' AS ch, x'00' AS bi, POINT(1, 2) AS po FROM t; UPDATE fresh SET ch = 'y', u = UUID() WHERE id = 1; ALTER TABLE fresh DROP COLUMN u, DROP COLUMN i6;
-- [create like with everything]
CREATE TABLE fresh LIKE t; DROP TABLE fresh; CREATE TABLE fresh LIKE per; CREATE TABLE fresh2 LIKE ver;
-- [table with a sequence emptied] expect=warned
TRUNCATE TABLE sd;

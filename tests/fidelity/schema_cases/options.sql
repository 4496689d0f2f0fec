-- title: options of tables, and character sets
-- [make]
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(20), l VARCHAR(20) CHARACTER SET latin1, g TEXT, e ENUM('ä','b') DEFAULT 'ä') COMMENT='it''s' ROW_FORMAT=DYNAMIC AUTO_INCREMENT=10;
INSERT INTO t (a, l, g, e) VALUES ('añ', 'é', 'text', 'b'), (NULL, NULL, NULL, 'ä');
CREATE TABLE old (id INT PRIMARY KEY, a VARCHAR(20) DEFAULT 'é', c CHAR(5), t TEXT, u VARCHAR(10) CHARACTER SET utf8mb4) DEFAULT CHARSET=latin1;
INSERT INTO old VALUES (1, 'é€', 'ü', 'ñ', '日本');
CREATE TABLE m (id INT PRIMARY KEY, a VARCHAR(20)) ENGINE=MyISAM CHECKSUM=1 MAX_ROWS=1000;
INSERT INTO m VALUES (1, 'x'), (2, 'y');
-- [comment]
ALTER TABLE t COMMENT='other "words"';
-- [no comment]
ALTER TABLE t COMMENT='';
-- [row format]
ALTER TABLE t ROW_FORMAT=COMPACT;
-- [default row format]
ALTER TABLE t ROW_FORMAT=DEFAULT, COMMENT 'x';
-- [compressed]
ALTER TABLE t ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
-- [auto increment]
ALTER TABLE t AUTO_INCREMENT=500;
-- [statistics]
ALTER TABLE t STATS_PERSISTENT=1, STATS_AUTO_RECALC=0, STATS_SAMPLE_PAGES=5;
-- [default charset]
ALTER TABLE t DEFAULT CHARACTER SET latin1;
-- [default collation]
ALTER TABLE t COLLATE utf8mb4_bin;
-- [convert to another collation]
ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- [convert to utf8mb3]
ALTER TABLE t CONVERT TO CHARACTER SET utf8mb3;
-- [convert latin1 to utf8mb4]
ALTER TABLE old CONVERT TO CHARACTER SET utf8mb4;
-- [default charset of latin1]
ALTER TABLE old DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_unicode_ci;
-- [convert and add]
ALTER TABLE old CONVERT TO CHARACTER SET utf8mb4, ADD COLUMN n VARCHAR(10) DEFAULT 'ñ', ADD INDEX by_a (a);
-- [convert and widen]
ALTER TABLE old CONVERT TO CHARACTER SET utf8mb4, MODIFY c CHAR(9) CHARACTER SET utf8mb4;
-- [engine to myisam]
ALTER TABLE t ENGINE=MyISAM;
-- [engine to innodb]
ALTER TABLE m ENGINE=InnoDB;
-- [options of myisam]
ALTER TABLE m CHECKSUM=0 MAX_ROWS=0 DELAY_KEY_WRITE=1 PACK_KEYS=1;
-- [engine to aria] servers=mariadb today=stopped
ALTER TABLE m ENGINE=Aria TRANSACTIONAL=1;
-- [page compression] servers=mariadb
ALTER TABLE t PAGE_COMPRESSED=1;
-- [encryption word] servers=mysql
ALTER TABLE t ENCRYPTION='N';
-- [force]
ALTER TABLE t FORCE;
-- [algorithm and lock]
ALTER TABLE t ADD COLUMN x INT, ALGORITHM=INPLACE, LOCK=NONE;
-- [order by]
ALTER TABLE m ORDER BY a DESC;
-- [versioning] servers=mariadb expect=warned
ALTER TABLE t ADD SYSTEM VERSIONING;
-- [disable keys] expect=warned
ALTER TABLE m DISABLE KEYS;

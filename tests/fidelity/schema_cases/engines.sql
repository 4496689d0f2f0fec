-- title: engines and options that take rows away
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10));
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE TABLE u (id INT NOT NULL, v VARCHAR(10) NOT NULL) ENGINE=MyISAM;
INSERT INTO u VALUES (1, 'a'), (1, 'a');
-- [blackhole] expect=refused
ALTER TABLE t ENGINE=BLACKHOLE;
-- [memory]
ALTER TABLE t ENGINE=MEMORY;
-- [csv] expect=refused
ALTER TABLE u ENGINE=CSV;
-- [discard] expect=refused
ALTER TABLE t DISCARD TABLESPACE;
-- [import] expect=refused
ALTER TABLE t IMPORT TABLESPACE;
-- [data directory] expect=refused
CREATE TABLE x (id INT PRIMARY KEY) DATA DIRECTORY='/tmp';
-- [federated] expect=refused
CREATE TABLE x (id INT PRIMARY KEY) ENGINE=FEDERATED CONNECTION='mysql://u@127.0.0.1/x/y';
-- [merge] expect=refused
CREATE TABLE x (id INT NOT NULL, v VARCHAR(10) NOT NULL) ENGINE=MERGE UNION=(u) INSERT_METHOD=LAST;
-- [drop without a key] expect=warned
ALTER TABLE u ENGINE=InnoDB, ADD COLUMN n INT; ALTER TABLE u DROP COLUMN n;

-- title: tables that move between schemas, and names that change places
-- [make]
CREATE DATABASE fidelity_other CHARACTER SET latin1;
CREATE TABLE p (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT 'x');
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, p INT, me INT, v VARCHAR(9), KEY by_v (v), CONSTRAINT fp FOREIGN KEY (p) REFERENCES p (id), FOREIGN KEY (me) REFERENCES t (id), CHECK (v <> 'z'));
CREATE TABLE c (id INT PRIMARY KEY, t INT, CONSTRAINT ft FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE alone (id INT PRIMARY KEY, v TEXT);
CREATE VIEW seen AS SELECT id, v FROM alone;
CREATE TABLE fidelity_other.u (id INT PRIMARY KEY, v VARCHAR(9));
CREATE TABLE fidelity_other.k (id INT PRIMARY KEY, CONSTRAINT fk FOREIGN KEY (id) REFERENCES fidelity.p (id));
INSERT INTO p VALUES (1, 'one'), (2, 'two');
INSERT INTO t VALUES (1, 1, NULL, 'a'), (2, 2, 1, 'b');
INSERT INTO c VALUES (1, 1), (2, 2);
INSERT INTO alone VALUES (1, 'long');
INSERT INTO fidelity_other.u VALUES (7, 'u');
INSERT INTO fidelity_other.k VALUES (1);
-- [out]
RENAME TABLE c TO fidelity_other.c;
-- [out under another name]
RENAME TABLE fidelity.c TO fidelity_other.`c``2`;
-- [out by alter]
ALTER TABLE c RENAME TO fidelity_other.c;
-- [out by alter that adds a column]
ALTER TABLE c RENAME TO fidelity_other.c, ADD COLUMN x INT FIRST;
-- [in]
RENAME TABLE fidelity_other.u TO u;
-- [in, then changed]
RENAME TABLE fidelity_other.u TO u; UPDATE u SET v = 'n'; ALTER TABLE u ADD COLUMN w INT; CREATE INDEX by_w ON u (w);
-- [changed, then out]
ALTER TABLE c ADD COLUMN x INT; UPDATE c SET x = 3; RENAME TABLE c TO fidelity_other.c;
-- [parent and child out]
RENAME TABLE t TO fidelity_other.t;
-- [parent, child and grandchild out at once]
RENAME TABLE c TO fidelity_other.c, t TO fidelity_other.t2, p TO fidelity_other.p;
-- [out and in change places]
RENAME TABLE c TO fidelity_other.c, fidelity_other.u TO c;
-- [child of another schema comes in]
RENAME TABLE fidelity_other.k TO k;
-- [table under a view out]
RENAME TABLE alone TO fidelity_other.alone;
-- [swap over a third name]
RENAME TABLE p TO tmp, alone TO p, tmp TO alone;
-- [swap in three statements]
RENAME TABLE t TO tmp; RENAME TABLE c TO t; ALTER TABLE tmp RENAME c;
-- [several at once]
RENAME TABLE p TO p2, t TO t2, c TO c2, alone TO alone2;
-- [ring of three]
RENAME TABLE p TO x, t TO p, c TO t, x TO c;
-- [rename and rename back]
RENAME TABLE c TO d, d TO c;
-- [columns change places]
ALTER TABLE t RENAME COLUMN p TO me, RENAME COLUMN me TO p;
-- [foreign key to another schema]
ALTER TABLE alone ADD COLUMN u INT, ADD CONSTRAINT fu FOREIGN KEY (u) REFERENCES p (id);
-- [parent of a child in another schema]
ALTER TABLE p ADD COLUMN w INT, MODIFY v VARCHAR(30) DEFAULT 'y';
-- [view that cannot move] expect=refused
RENAME TABLE seen TO fidelity_other.seen;
-- [schema that is not there] expect=refused
RENAME TABLE c TO fidelity_nowhere.c;

-- title: tables and statements of a server with odd modes
-- global: sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,STRICT_TRANS_TABLES'
-- [make]
SET SESSION sql_mode = '';
CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20) DEFAULT 'x\\y' COMMENT 'it''s \\', `b"c` INT, ch CHAR(6), e ENUM('\\','"'), g INT AS (id * 2) STORED, KEY kb (`b"c`)) COMMENT='"t"';
INSERT INTO t (id, a, `b"c`, ch, e) VALUES (1, 'a\\b', 1, 'q', '\\'), (2, '"', 2, ' ', '"'), (3, '', NULL, '', NULL);
SET SESSION sql_mode = DEFAULT;
-- [quoted names]
ALTER TABLE "t" CHANGE "b""c" "d""\" BIGINT DEFAULT '3' COMMENT 'a\', ADD COLUMN "n" VARCHAR(9) DEFAULT '\' AFTER "a"; UPDATE "t" SET "n" = 'x\' || a WHERE id = 1;
-- [drop]
ALTER TABLE "t" DROP COLUMN "b""c", DROP COLUMN a, DROP COLUMN e;
-- [narrow]
UPDATE t SET a = LEFT(a, 1), ch = LEFT(ch, 1), e = '\'; ALTER TABLE "t" MODIFY a VARCHAR(1) DEFAULT '\' COMMENT '"\"', MODIFY e ENUM('\') DEFAULT NULL, MODIFY ch CHAR(1);
-- [concat in a column and a check]
ALTER TABLE "t" ADD COLUMN k VARCHAR(60) AS (a || '\' || "ch") VIRTUAL, ADD CONSTRAINT "c\" CHECK (a || 'x' <> '\x'); UPDATE t SET a = 'z\' WHERE id = 2;
-- [view]
CREATE SQL SECURITY INVOKER VIEW "v""1" AS SELECT id || '\' AS "i\", "b""c" FROM "t"; DROP VIEW "v""1"; ALTER TABLE t RENAME TO "u""\";
-- [create]
CREATE TABLE "n""\" ("a\" INT PRIMARY KEY, b VARCHAR(9) DEFAULT '\''"' COMMENT '\') COMMENT '\'; INSERT INTO "n""\" VALUES (1, '\'); ALTER TABLE "n""\" DROP COLUMN b; DROP TABLE "n""\";
-- [truncate and drop]
TRUNCATE "t"; INSERT INTO t (id, a) VALUES (1, '\'); DROP TABLE "t";

-- title: a server with ANSI_QUOTES and PIPES_AS_CONCAT
-- global: sql_mode = 'ANSI,ANSI_QUOTES'
-- [make]
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40));
INSERT INTO t VALUES (1, 'say "hi"'), (2, 'it''s \\n'), (3, '');
-- [update]
UPDATE "t" SET "v" = 'x' || 'y';
-- [delete]
DELETE FROM t WHERE id > 0;

"""What the online tool is given, and what it is not, since it would lose rows or values without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backups.rollback.definitions import TableDefinition, parse_table
from changes.online_rules import find_obstacle, read_clauses
from changes.server_facts import ServerFacts
from changes.statements import Statement, check_statements
from tests.changes.facts import MARIADB

TABLE = """CREATE TABLE `t` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `a` int(11) DEFAULT NULL,
  `b` varchar(20) NOT NULL DEFAULT 'x',
  `c` varchar(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `one_b` (`b`),
  KEY `by_a` (`a`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"""


def statement_of(sql: str) -> Statement:
    (statement,) = check_statements(sql, "shop", 1 << 20).statements
    return statement


def obstacle_of(
    clauses: str, *changes: tuple[str, str], before: str = TABLE, facts: ServerFacts | None = None, head: str = ""
) -> str:
    """Judge `ALTER TABLE t clauses`, which makes each of `changes` (old text, new text) in the definition."""
    after = before
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    shape = (parse_table(before), parse_table(after))
    return find_obstacle(statement_of(f"{head or 'ALTER TABLE t'} {clauses}"), shape, facts or MARIADB, "shop")


WIDER = ("`a` int(11) DEFAULT NULL", "`a` bigint(20) DEFAULT NULL")


@pytest.mark.parametrize(
    ("clauses", "change"),
    [
        ("MODIFY a BIGINT", WIDER),
        ("ADD COLUMN n INT", ("  PRIMARY", "  `n` int(11) DEFAULT NULL,\n  PRIMARY")),
        ("ADD n INT NOT NULL DEFAULT 3", ("  PRIMARY", "  `n` int(11) NOT NULL DEFAULT 3,\n  PRIMARY")),
        ("DROP COLUMN c", ("  `c` varchar(20) DEFAULT NULL,\n", "")),
        ("ADD INDEX by_c (c)", ("KEY `by_a` (`a`)", "KEY `by_a` (`a`),\n  KEY `by_c` (`c`)")),
        ("DROP INDEX by_a", (",\n  KEY `by_a` (`a`)", "")),
        ("DROP INDEX one_b", ("  UNIQUE KEY `one_b` (`b`),\n", "")),
        ("MODIFY c VARCHAR(40)", ("`c` varchar(20)", "`c` varchar(40)")),
        ("ROW_FORMAT=COMPRESSED", ("ENGINE=InnoDB", "ENGINE=InnoDB ROW_FORMAT=COMPRESSED")),
    ],
)
def test_what_cannot_lose_anything_is_given_to_the_tool(clauses: str, change: tuple[str, str]) -> None:
    assert obstacle_of(clauses, change) == ""


def test_two_names_that_only_a_person_takes_for_one_are_two_columns() -> None:
    before = TABLE.replace("`b` varchar(20) NOT NULL DEFAULT 'x'", "`ß` varchar(20) DEFAULT NULL").replace(
        "`b`", "`id`"
    )
    before = before.replace("`c` varchar(20)", "`ss` int(11)")
    assert obstacle_of("MODIFY ss BIGINT", ("`ss` int(11)", "`ss` bigint(20)"), before=before) == ""


@pytest.mark.parametrize(
    ("clauses", "change", "reason"),
    [
        ("MODIFY a TINYINT", ("`a` int(11)", "`a` tinyint(4)"), "would be cut"),
        ("MODIFY a INT NOT NULL", ("`a` int(11) DEFAULT NULL", "`a` int(11) NOT NULL"), "would be cut"),
        ("MODIFY c VARCHAR(5)", ("`c` varchar(20)", "`c` varchar(5)"), "would be cut"),
        (
            "MODIFY c VARCHAR(20) CHARSET latin1",
            ("`c` varchar(20)", "`c` varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci"),
            "would be cut",
        ),
        ("MODIFY b VARCHAR(40) NOT NULL", ("`b` varchar(20)", "`b` varchar(40)"), "part of a unique key"),
        ("ADD UNIQUE KEY u (a)", ("  KEY `by_a`", "  UNIQUE KEY `u` (`a`),\n  KEY `by_a`"), "left out"),
        ("DROP PRIMARY KEY, ADD PRIMARY KEY (b)", ("PRIMARY KEY (`id`)", "PRIMARY KEY (`b`)"), "left out"),
        ("DROP PRIMARY KEY", ("  PRIMARY KEY (`id`),\n", ""), "no primary key"),
        ("RENAME TO u", WIDER, "RENAME TO u"),
        ("CHANGE a d BIGINT", ("`a` int(11)", "`d` bigint(20)"), "CHANGE"),
        ("RENAME COLUMN a TO d", WIDER, "RENAME"),
        ("MODIFY a BIGINT, ALGORITHM=COPY", WIDER, "its author chose"),
        ("TRUNCATE PARTITION p", WIDER, "TRUNCATE PARTITION"),
        ("ADD n INT NOT NULL", ("  PRIMARY", "  `n` int(11) NOT NULL,\n  PRIMARY"), "NOT NULL without a DEFAULT"),
        ("ADD n INT CHECK (n > 1)", ("  PRIMARY", "  `n` int(11) CHECK (`n` > 1),\n  PRIMARY"), "has a check"),
        ("MODIFY a INT CHECK (a > 1)", ("`a` int(11) DEFAULT NULL", "`a` int(11) CHECK (`a` > 1)"), "has a check"),
        ("ADD n INT AS (a + 1)", ("  PRIMARY", "  `n` int(11) GENERATED ALWAYS AS (`a` + 1),\n  PRIMARY"), "generated"),
        ("DROP COLUMN a, ADD COLUMN a BIGINT", WIDER, "made anew"),
        (
            "CONVERT TO CHARACTER SET latin1",
            ("CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci", "CHARSET=latin1"),
            "charact",
        ),
        ("ENGINE=MyISAM", ("InnoDB", "MyISAM"), "engine InnoDB"),
        ("ADD CHECK (a > 1)", ("KEY `by_a` (`a`)", "KEY `by_a` (`a`),\n  CONSTRAINT `k` CHECK (`a` > 1)"), "check"),
        ("FORCE", ("AUTO_INCREMENT=7", "AUTO_INCREMENT=9"), "leaves the definition as it is"),
    ],
)
def test_what_could_lose_something_is_not(clauses: str, change: tuple[str, str], reason: str) -> None:
    assert reason in obstacle_of(clauses, change)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("PRIMARY KEY (`id`)", "PRIMARY KEY (`c`)", ""),
        ("`id` int(11) NOT NULL AUTO_INCREMENT", "`id` binary(16) NOT NULL", "of the type binary"),
        ("`id` int(11) NOT NULL AUTO_INCREMENT", "`id` enum('a','b') NOT NULL", "of the type enum"),
        ("  PRIMARY KEY (`id`),\n", "", "no primary key"),
        ("general_ci", "general_ci\n PARTITION BY HASH (`id`) PARTITIONS 4", "partitioned"),
        (
            "  KEY `by_a` (`a`)",
            "  KEY `by_a` (`a`),\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `p` (`id`)",
            "foreign keys",
        ),
    ],
)
def test_a_table_that_the_tool_cannot_read_in_portions_or_copy_is_not_given_to_it(
    old: str, new: str, reason: str
) -> None:
    assert old in TABLE
    found = obstacle_of("MODIFY a BIGINT", WIDER, before=TABLE.replace(old, new))
    assert reason in found
    assert bool(found) == bool(reason)


def test_only_alter_table_is_made_by_the_tool() -> None:
    shape = (parse_table(TABLE), parse_table(TABLE))
    for sql in ("CREATE INDEX i ON t (a)", "DROP INDEX by_a ON t"):
        assert "only ALTER TABLE" in find_obstacle(statement_of(sql), shape, MARIADB, "shop")
    assert "ALTER IGNORE" in obstacle_of("MODIFY a BIGINT", WIDER, head="ALTER IGNORE TABLE t")


def test_without_a_proof_nothing_is_given_to_the_tool() -> None:
    found = find_obstacle(statement_of("ALTER TABLE t MODIFY a BIGINT"), None, MARIADB, "shop")
    assert "what the table will be is not known" in found


@pytest.mark.parametrize("mode", ["ANSI_QUOTES", "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES"])
def test_a_session_that_reads_quotes_otherwise_than_the_tool_is_refused(mode: str) -> None:
    assert "sql_mode" in obstacle_of("MODIFY a BIGINT", WIDER, facts=replace(MARIADB, sql_mode=mode))


@pytest.mark.parametrize("name", ["`t-1`", "`tä`", "t" * 51])
def test_names_that_the_tool_would_mangle_are_refused(name: str) -> None:
    table: TableDefinition = parse_table(TABLE)
    found = find_obstacle(statement_of(f"ALTER TABLE {name} MODIFY a BIGINT"), (table, table), MARIADB, "shop")
    assert "names of schema and table" in found


@pytest.mark.parametrize(
    ("sql", "clauses"),
    [
        ("ALTER TABLE t ADD n INT", "ADD n INT"),
        ("  /* first */ alter  table shop . `t`  /* why */\n\tadd n int comment 'ä, /* € */ ;' , drop c", None),
        ("ALTER TABLE t WAIT 5 ADD n INT", "ADD n INT"),
        ("ALTER ONLINE TABLE `t`ADD n INT -- end", "ADD n INT"),
    ],
)
def test_the_clauses_are_the_authors_own_text(sql: str, clauses: str | None) -> None:
    found = read_clauses(statement_of(sql))
    assert found == (clauses or "add n int comment 'ä, /* € */ ;' , drop c")
    assert statement_of(sql).text.endswith(found)

"""What a statement of an allowed kind may still not hold: found token by token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from changes.kinds import StatementKind
from changes.lexer import Token, TokenKind


@dataclass(frozen=True, slots=True)
class Finding:
    """id, needed, how as in Problem; found goes on after "Statement 1 (line 1)"."""

    id: str
    found: str
    needed: str
    how: str


EXECUTABLE = Finding(
    "statement.executable_comment",
    "holds an executable comment, /*! … */ or /*M! … */: some servers run it and others skip it.",
    "Text that every server and every reviewer reads the same way.",
    "Take the comment marks off, or delete the comment.",
)
HINT = Finding(
    "statement.hint",
    "holds an optimizer hint that sets a variable or a resource group, or quotes something.",
    "Hints that only choose a plan, such as /*+ NO_INDEX_MERGE(t) */.",
    "Delete the hint.",
)
VARIABLE = Finding(
    "statement.variable",
    "uses a variable (@name or @@name).",
    "A statement that means the same whatever ran before.",
    "Write the value itself.",
)
DEFINER = Finding(
    "statement.definer",
    "sets a definer: who uses the view would read with another account's rights.",
    "SQL SECURITY INVOKER, without DEFINER.",
    "Take DEFINER = … out and write SQL SECURITY INVOKER.",
)
DOLLAR = Finding(
    "statement.dollar",
    "holds a word that begins with $: MySQL 9 reads it as a quote, MariaDB as a name.",
    "Text that every server reads the same way.",
    "Put the name in backticks.",
)
BACKSLASH = Finding(
    "statement.backslash",
    "holds a backslash outside of a string, such as \\G of the mysql client.",
    "Plain SQL.",
    "End the statement with a semicolon, and write NULL for \\N.",
)
FILE = Finding(
    "statement.into_file",
    "writes a file on the server (INTO OUTFILE or DUMPFILE).",
    "Changes of tables only.",
    "Take INTO OUTFILE out.",
)
TEMPORARY = Finding(
    "statement.temporary",
    "is about a temporary table, which is not logged and hides the real table of that name.",
    "Tables that stay.",
    "Take TEMPORARY out, or write the statement without the temporary table.",
)
DELAYED = Finding(
    "statement.delayed",
    "is DELAYED: another session writes its rows later, and nothing in the binlog says whose they are.",
    "Rows written at once, by this session.",
    "Take DELAYED out.",
)
HISTORY = Finding(
    "statement.delete_history",
    "is DELETE HISTORY: old versions of rows cannot be put back.",
    "A DELETE of rows.",
    "Have an administrator do it outside of a ticket.",
)
LOCATION = Finding(
    "statement.outside_storage",
    "keeps or finds rows outside of the server's own data (DATA DIRECTORY, INDEX DIRECTORY, CONNECTION or UNION).",
    "Tables in the server's own data.",
    "Take that option out.",
)
TABLESPACE = Finding(
    "statement.tablespace",
    "imports or discards a tablespace: rows come and go without the binlog.",
    "Changes that are logged.",
    "Write the rows as INSERT, or have an administrator do it outside of a ticket.",
)
TRANSACTION = Finding(
    "statement.start_transaction",
    "has START TRANSACTION in a CREATE TABLE, which leaves a transaction open.",
    "A statement that ends by itself.",
    "Take START TRANSACTION out.",
)
REPLACE_DATABASE = Finding(
    "statement.replace_database",
    "is CREATE OR REPLACE DATABASE, which drops the schema with all that is in it first.",
    "CREATE DATABASE, of a schema that is not there yet.",
    "Take OR REPLACE out.",
)
READ_ONLY = Finding(
    "statement.database_read_only",
    "sets READ ONLY, which ends all writing in the schema, ours too.",
    "A character set, a collation, a comment or a default encryption.",
    "Have an administrator do it outside of a ticket.",
)

# They take or drop locks (ours too), hold the session, or reach files and other servers.
_FUNCTIONS = frozenset(
    {
        "BENCHMARK", "GET_LOCK", "LOAD_FILE", "MASTER_GTID_WAIT", "MASTER_POS_WAIT", "RELEASE_ALL_LOCKS",
        "RELEASE_LOCK", "SETVAL", "SLEEP", "SOURCE_POS_WAIT", "SYS_EVAL", "SYS_EXEC", "SYS_GET", "SYS_SET",
        "WAIT_FOR_EXECUTED_GTID_SET", "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS",
    }
)  # fmt: skip
_FUNCTION_FAMILIES = (
    "SPIDER_",
    "GROUP_REPLICATION_",
    "KEYRING_",
    "AUDIT_LOG_",
    "SERVICE_",
    "ASYNCHRONOUS_CONNECTION_",
    "VERSION_TOKENS_",
)
# Engines whose rows are in the server's own files and in the binlog.
_ENGINES = frozenset({"INNODB", "MYISAM", "ARIA", "MEMORY", "HEAP", "ROCKSDB", "ARCHIVE", "NDB", "NDBCLUSTER"})
# None of these is a type of a column.
_OUTSIDE_ENGINES = frozenset(
    {"FEDERATED", "FEDERATEDX", "CONNECT", "SPIDER", "S3", "CSV", "MERGE", "MRG_MYISAM", "BLACKHOLE", "OQGRAPH"}
)
_COLUMN_WORDS = frozenset({"COLUMN", "ADD", "MODIFY", "CHANGE", "DROP", "ALTER", "EXISTS", "AFTER", "TO"})
_PLAIN_HINT = re.compile(r"/\*\+[A-Za-z0-9_@.,()$\s-]*\*/")
_FORBIDDEN_HINT = re.compile(r"SET_VAR|RESOURCE_GROUP", re.IGNORECASE)


def find_forbidden(kind: StatementKind, tokens: Sequence[Token]) -> Iterator[Finding]:
    """Yield what may not be in the statement. tokens: without comments."""
    if any(token.kind is TokenKind.EXECUTABLE for token in tokens):
        yield EXECUTABLE
    if not kind.is_allowed:
        return
    yield from _find_in_hints(tokens)
    # Out of their place hints are comments, and must not stand between words that belong together.
    tokens = [token for token in tokens if token.kind is not TokenKind.HINT]
    yield from _find_in_head(kind, tokens)
    is_table_definition = kind in (StatementKind.CREATE_TABLE, StatementKind.ALTER_TABLE)
    depth = 0
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.OPERATOR:
            depth += (token.text == "(") - (token.text == ")")
            if token.text == "@":
                yield DEFINER if _in_definer(tokens, index) else VARIABLE
            elif token.text == "\\":
                yield BACKSLASH
        elif token.is_identifier:
            yield from _find_in_word(tokens, index)
            if is_table_definition and tokens[index - 1].key != ".":
                yield from _find_in_table_option(tokens, index, depth)


def _find_in_hints(tokens: Sequence[Token]) -> Iterator[Finding]:
    for token in tokens:
        if token.kind is TokenKind.HINT and (
            not _PLAIN_HINT.fullmatch(token.text) or _FORBIDDEN_HINT.search(token.text)
        ):
            yield HINT


def _in_definer(tokens: Sequence[Token], index: int) -> bool:
    return index >= 3 and tokens[index - 3].key == "DEFINER" and tokens[index - 2].key == "="


def _find_in_head(kind: StatementKind, tokens: Sequence[Token]) -> Iterator[Finding]:
    head = [token.key for token in tokens[:24]]
    if "TEMPORARY" in head[1:5] and kind in (StatementKind.CREATE_TABLE, StatementKind.DROP_TABLE):
        yield TEMPORARY
    if "DELAYED" in head[1:8] and kind in (StatementKind.INSERT, StatementKind.REPLACE):
        yield DELAYED
    if kind is StatementKind.DELETE and head[1:2] == ["HISTORY"]:
        yield HISTORY
    if kind is StatementKind.CREATE_DATABASE and "REPLACE" in head[1:3]:
        yield REPLACE_DATABASE
    if kind is StatementKind.ALTER_DATABASE and ("READ", "ONLY") in pairwise(head):
        yield READ_ONLY
    if kind in (StatementKind.CREATE_VIEW, StatementKind.ALTER_VIEW):
        before = head[: head.index("VIEW")] if "VIEW" in head else head
        if "DEFINER" in before:
            yield DEFINER


def _find_in_word(tokens: Sequence[Token], index: int) -> Iterator[Finding]:
    token, previous, following = tokens[index], tokens[index - 1].key, _key(tokens, index + 1)
    if following == "(" and previous != ".":
        name = token.name.upper()
        # Quoted too: `sleep`(1) calls the same function.
        if name in _FUNCTIONS or name.startswith(_FUNCTION_FAMILIES):
            yield Finding(
                "statement.function",
                f"calls {name}, which waits, locks, or reaches outside of the tables.",
                "Functions that only calculate.",
                "Take the call out.",
            )
    if token.kind is TokenKind.WORD and token.text.startswith("$"):
        yield DOLLAR
    if token.key in ("OUTFILE", "DUMPFILE") and previous == "INTO":
        yield FILE


def _key(tokens: Sequence[Token], index: int) -> str:
    return tokens[index].key if index < len(tokens) else ""


def _find_in_table_option(tokens: Sequence[Token], index: int, depth: int) -> Iterator[Finding]:
    """depth: of the parentheses around the word."""
    key, following = tokens[index].key, _key(tokens, index + 1)
    if key in ("DATA", "INDEX") and following == "DIRECTORY":
        yield LOCATION
    elif key == "CONNECTION":
        if following == "=" or any(token.kind is TokenKind.STRING for token in tokens[index + 1 : index + 2]):
            yield LOCATION
    elif key == "UNION" and (following == "=" or (following == "(" and _begins_name_list(tokens, index + 2))):
        yield LOCATION
    elif key in ("IMPORT", "DISCARD") and following in ("TABLESPACE", "PARTITION"):
        yield TABLESPACE
    elif key == "START" and following == "TRANSACTION":
        yield TRANSACTION
    elif key == "ENGINE":
        yield from _find_engine(tokens, index, depth)


def _begins_name_list(tokens: Sequence[Token], index: int) -> bool:
    """`UNION (a, b)` of the table options; `UNION (SELECT …)` is a query."""
    return index < len(tokens) and tokens[index].key not in ("SELECT", "VALUES", "TABLE", "WITH", "(")


def _find_engine(tokens: Sequence[Token], index: int, depth: int) -> Iterator[Finding]:
    has_equals = _key(tokens, index + 1) == "="
    value = tokens[index + 2 if has_equals else index + 1 :][:1]
    if not value or not (value[0].is_identifier or value[0].kind is TokenKind.STRING):
        return
    engine = value[0].text[1:-1] if value[0].kind is TokenKind.STRING else value[0].name
    # Without = and among the columns, `engine varchar(10)` is a column.
    before = {token.key for token in tokens[index - 2 : index]}
    is_column = not has_equals and (depth > 0 or not before.isdisjoint(_COLUMN_WORDS))
    if engine.upper() in _OUTSIDE_ENGINES if is_column else engine.upper() not in _ENGINES:
        yield Finding(
            "statement.engine",
            f"uses the storage engine {engine}.",
            "An engine that keeps its rows in this server and logs them, such as InnoDB, MyISAM or Aria.",
            "Choose ENGINE=InnoDB.",
        )

"""What a statement of an allowed kind may still not hold: found token by token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
_PLAIN_HINT = re.compile(r"/\*\+[A-Za-z0-9_@.,()$\s-]*\*/")
_FORBIDDEN_HINT = re.compile(r"SET_VAR|RESOURCE_GROUP", re.IGNORECASE)


def find_forbidden(kind: StatementKind, tokens: Sequence[Token]) -> Iterator[Finding]:
    """Yield what may not be in the statement. tokens: without comments."""
    if not kind.is_allowed:
        if any(token.kind is TokenKind.EXECUTABLE for token in tokens):
            yield EXECUTABLE
        return
    yield from _find_in_head(kind, tokens)
    for index, token in enumerate(tokens):
        if token.kind in (TokenKind.STRING, TokenKind.NUMBER, TokenKind.ROWS):
            continue
        if token.kind is TokenKind.EXECUTABLE:
            yield EXECUTABLE
        elif token.kind is TokenKind.HINT:
            if not _PLAIN_HINT.fullmatch(token.text) or _FORBIDDEN_HINT.search(token.text):
                yield HINT
        elif token.kind is TokenKind.OPERATOR:
            if token.text == "@":
                yield DEFINER if _in_definer(tokens, index) else VARIABLE
            elif token.text == "\\":
                yield BACKSLASH
        else:
            yield from _find_in_word(kind, tokens, index)


def _in_definer(tokens: Sequence[Token], index: int) -> bool:
    return index >= 3 and tokens[index - 3].key == "DEFINER" and tokens[index - 2].key == "="


def _find_in_head(kind: StatementKind, tokens: Sequence[Token]) -> Iterator[Finding]:
    head = [token.key for token in tokens[:24]]
    if "TEMPORARY" in head[1:4] and kind in (StatementKind.CREATE_TABLE, StatementKind.DROP_TABLE):
        yield TEMPORARY
    if "DELAYED" in head[1:4] and kind in (StatementKind.INSERT, StatementKind.REPLACE):
        yield DELAYED
    if kind is StatementKind.DELETE and head[1:2] == ["HISTORY"]:
        yield HISTORY
    if kind is StatementKind.CREATE_VIEW:
        before = head[: head.index("VIEW")] if "VIEW" in head else head
        if "DEFINER" in before:
            yield DEFINER


def _find_in_word(kind: StatementKind, tokens: Sequence[Token], index: int) -> Iterator[Finding]:
    token, after_dot = tokens[index], index > 0 and tokens[index - 1].key == "."
    following = tokens[index + 1].key if index + 1 < len(tokens) else ""
    if following == "(" and not after_dot:
        name = token.name.upper()
        # Quoted too: `sleep`(1) calls the same function.
        if name in _FUNCTIONS or name.startswith(_FUNCTION_FAMILIES):
            yield Finding(
                "statement.function",
                f"calls {name}, which waits, locks, or reaches outside of the tables.",
                "Functions that only calculate.",
                "Take the call out.",
            )
    if token.kind is TokenKind.QUOTED:
        return
    if token.text.startswith("$"):
        yield DOLLAR
    if token.key in ("OUTFILE", "DUMPFILE") and tokens[index - 1].key == "INTO":
        yield FILE
    if kind in (StatementKind.CREATE_TABLE, StatementKind.ALTER_TABLE) and not after_dot:
        yield from _find_in_table_option(tokens, index, following)


def _find_in_table_option(tokens: Sequence[Token], index: int, following: str) -> Iterator[Finding]:
    key = tokens[index].key
    if key in ("DATA", "INDEX") and following == "DIRECTORY":
        yield LOCATION
    elif key == "CONNECTION" and index + 1 < len(tokens):
        if following == "=" or tokens[index + 1].kind is TokenKind.STRING:
            yield LOCATION
    elif key == "UNION" and (following == "=" or (following == "(" and _begins_name_list(tokens, index + 2))):
        yield LOCATION
    elif key in ("IMPORT", "DISCARD") and following in ("TABLESPACE", "PARTITION"):
        yield TABLESPACE
    elif key == "START" and following == "TRANSACTION":
        yield TRANSACTION
    elif key == "ENGINE":
        yield from _find_engine(tokens, index)


def _begins_name_list(tokens: Sequence[Token], index: int) -> bool:
    """`UNION (a, b)` of the table options; `UNION (SELECT …)` is a query."""
    return index < len(tokens) and tokens[index].key not in ("SELECT", "VALUES", "TABLE", "WITH", "(")


def _find_engine(tokens: Sequence[Token], index: int) -> Iterator[Finding]:
    position = index + 1
    if position < len(tokens) and tokens[position].key == "=":
        position += 1
    if position >= len(tokens):
        return
    token = tokens[position]
    has_equals = position == index + 2
    if token.kind is TokenKind.STRING:
        engine = token.text[1:-1]
    elif token.is_identifier:
        engine = token.name
    else:
        return  # a column that is called engine
    if engine.upper() not in _ENGINES and (has_equals or _ends_option(tokens, index)):
        yield Finding(
            "statement.engine",
            f"uses the storage engine {engine}.",
            "An engine that keeps its rows in this server and logs them, such as InnoDB, MyISAM or Aria.",
            "Choose ENGINE=InnoDB.",
        )


def _ends_option(tokens: Sequence[Token], index: int) -> bool:
    """Whether ENGINE at `index` stands outside of the column definitions."""
    depth = sum((token.key == "(") - (token.key == ")") for token in tokens[:index])
    return depth == 0 and tokens[index - 1].key not in ("COLUMN", "ADD", "MODIFY", "CHANGE", "DROP")

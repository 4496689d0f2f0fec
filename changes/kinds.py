"""What a statement is, told by its first words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from changes.lexer import Token, TokenKind


class StatementKind(StrEnum):
    """A kind of statement; its value is what pages show."""

    INSERT = "INSERT"
    REPLACE = "REPLACE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CREATE_TABLE = "CREATE TABLE"
    ALTER_TABLE = "ALTER TABLE"
    DROP_TABLE = "DROP TABLE"
    RENAME_TABLE = "RENAME TABLE"
    TRUNCATE_TABLE = "TRUNCATE TABLE"
    CREATE_INDEX = "CREATE INDEX"
    DROP_INDEX = "DROP INDEX"
    CREATE_VIEW = "CREATE VIEW"
    ALTER_VIEW = "ALTER VIEW"
    DROP_VIEW = "DROP VIEW"
    CREATE_DATABASE = "CREATE DATABASE"
    ALTER_DATABASE = "ALTER DATABASE"

    # Everything below is refused.
    ALTER = "ALTER"
    ANALYZE = "ANALYZE"
    BEGIN = "BEGIN"
    CALL = "CALL"
    COMMIT = "COMMIT"
    CREATE = "CREATE"
    DO = "DO"
    DROP = "DROP"
    EXECUTE = "EXECUTE"
    EXPLAIN = "EXPLAIN"
    FLUSH = "FLUSH"
    GRANT = "GRANT"
    HANDLER = "HANDLER"
    KILL = "KILL"
    LOAD = "LOAD"
    LOCK = "LOCK"
    OPTIMIZE = "OPTIMIZE"
    PREPARE = "PREPARE"
    RENAME = "RENAME"
    REVOKE = "REVOKE"
    ROLLBACK = "ROLLBACK"
    SAVEPOINT = "SAVEPOINT"
    SELECT = "SELECT"
    SET = "SET"
    SHOW = "SHOW"
    START = "START"
    TABLE = "TABLE"
    UNLOCK = "UNLOCK"
    USE = "USE"
    VALUES = "VALUES"
    XA = "XA"
    OTHER = "OTHER"

    @property
    def is_row_change(self) -> bool:
        return self in _ROW_CHANGES

    @property
    def is_schema_change(self) -> bool:
        return self in _SCHEMA_CHANGES

    @property
    def is_of_database(self) -> bool:
        """Whether it is about a schema itself, and not about what is in it."""
        return self in (StatementKind.CREATE_DATABASE, StatementKind.ALTER_DATABASE)

    @property
    def is_allowed(self) -> bool:
        return self.is_row_change or self.is_schema_change

    @property
    def backup_type(self) -> str:
        """The `type` of the information table; REPLACE is filed as INSERT."""
        return "INSERT" if self is StatementKind.REPLACE else self.value.replace(" ", "")


_ROW_CHANGES = frozenset({StatementKind.INSERT, StatementKind.REPLACE, StatementKind.UPDATE, StatementKind.DELETE})
_SCHEMA_CHANGES = frozenset(
    {
        StatementKind.CREATE_TABLE,
        StatementKind.ALTER_TABLE,
        StatementKind.DROP_TABLE,
        StatementKind.RENAME_TABLE,
        StatementKind.TRUNCATE_TABLE,
        StatementKind.CREATE_INDEX,
        StatementKind.DROP_INDEX,
        StatementKind.CREATE_VIEW,
        StatementKind.ALTER_VIEW,
        StatementKind.DROP_VIEW,
        StatementKind.CREATE_DATABASE,
        StatementKind.ALTER_DATABASE,
    }
)

_BY_FIRST_WORD = {
    **{kind.value: kind for kind in StatementKind if " " not in kind.value and kind is not StatementKind.OTHER},
    "DEALLOCATE": StatementKind.PREPARE,
    "DESC": StatementKind.EXPLAIN,
    "DESCRIBE": StatementKind.EXPLAIN,
    "RELEASE": StatementKind.SAVEPOINT,
    "TRUNCATE": StatementKind.TRUNCATE_TABLE,
}
_BY_TWO_WORDS = {kind.value: kind for kind in StatementKind if " " in kind.value}
_MAIN_VERBS = {"SELECT", "UPDATE", "DELETE", "INSERT", "REPLACE", "TABLE", "VALUES"}

# CREATE, ALTER, DROP and RENAME say later what they are about. The words that may stand between:
_MODIFIERS = {
    "OR", "REPLACE", "ONLINE", "OFFLINE", "IGNORE", "TEMPORARY", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "AGGREGATE",
    "UNDO", "PUBLIC",
}  # fmt: skip
_VIEW_OPTIONS = {"ALGORITHM", "DEFINER", "SQL"}


def read_kind(tokens: Sequence[Token]) -> StatementKind:
    """Return the kind of the statement whose tokens (no comments) are given; OTHER when its first word is not known."""
    tokens = [token for token in tokens[:64] if token.kind is not TokenKind.EXECUTABLE] + list(tokens[64:])
    first = next((token.key for token in tokens if token.key != "("), "")
    if first == "WITH":
        return _read_with_kind(tokens)
    kind = _BY_FIRST_WORD.get(first, StatementKind.OTHER)
    if first in ("CREATE", "ALTER", "DROP", "RENAME"):
        word, _ = read_object(tokens)
        if word == "TABLES" and first in ("DROP", "RENAME"):  # TABLE to both servers
            word = "TABLE"
        word = "DATABASE" if word == "SCHEMA" else word
        return _BY_TWO_WORDS.get(f"{first} {word}", kind)
    return kind


def read_object(tokens: Sequence[Token]) -> tuple[str, int]:
    """Return what a CREATE, ALTER, DROP or RENAME is about ("TABLE", "USER", …; "" when not told) and its index."""
    index = 1
    while index < len(tokens) and tokens[index].key in _MODIFIERS:
        index += 1
    if index < len(tokens) and tokens[index].key in _VIEW_OPTIONS:
        # ALGORITHM = x DEFINER = 'a'@'b' SQL SECURITY y VIEW: options that views and routines share.
        objects = {"VIEW", "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "AGGREGATE", "PACKAGE"}
        while index < len(tokens) and not (tokens[index].key in objects and tokens[index - 1].key not in ("=", "@")):
            index += 1
    return (tokens[index].key if index < len(tokens) else ""), index


def _read_with_kind(tokens: Sequence[Token]) -> StatementKind:
    """The verb that follows the common table expressions: the first one outside of parentheses."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.key == "(") - (token.key == ")")
        if depth == 0 and token.key in _MAIN_VERBS and tokens[index - 1].key not in (".", ","):
            return _BY_FIRST_WORD[token.key]
        if (
            depth == 1
            and token.key == "SELECT"
            and tokens[index - 1].key == "("
            and index >= 2
            and tokens[index - 2].key == ")"
        ):
            return StatementKind.SELECT  # WITH c AS (…) (SELECT …)
    return StatementKind.OTHER

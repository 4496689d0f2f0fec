"""Triggers as the server describes them, and the statements that make them again.

No server moves a table with triggers to another schema, so they are dropped there and made again where it comes back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backups.rollback.literals import build_text_literal, is_same_bytes, quote_identifier, quote_text

_NAME = r"(?:`(?:[^`]|``)+`|[^\s`.]+)"
_HEAD = re.compile(
    rf"CREATE\s+DEFINER\s*=\s*{_NAME}(?:\s*@\s*{_NAME})?\s+TRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}(?:\s*\.\s*{_NAME})?"
    rf"\s+(?:BEFORE|AFTER)\s+(?:INSERT|UPDATE|DELETE)\s+ON\s+{_NAME}(?:\s*\.\s*{_NAME})?\s+FOR\s+EACH\s+ROW"
    rf"(?:\s+(?:FOLLOWS|PRECEDES)\s+{_NAME})?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """One trigger of a table.

    timing, event: "BEFORE" or "AFTER"; "INSERT", "UPDATE" or "DELETE". definer: user@host, unquoted.
    body: what runs for each row. sql_mode, charset, collation: of the session that made it, with which it runs.
    schema_collation: of the schema when it was made. is_read: the server's text was understood.
    """

    name: str
    timing: str
    event: str
    definer: str
    body: str
    sql_mode: str
    charset: str
    collation: str
    schema_collation: str
    is_read: bool = True

    @property
    def is_remade_in_any_session(self) -> bool:
        """Whether its text is the same bytes in the character set of its session as in utf8mb4, in which it is sent."""
        return is_same_bytes(self.body, self.charset)

    def build(self, schema_name: str, table_name: str, name: str = "") -> Iterator[str]:
        """Yield the statements that make it on a table, in a session as its own was; `name` instead of its own."""
        user, _, host = self.definer.rpartition("@")
        yield (
            "SET @inception_mode = @@sql_mode, @inception_charset = @@character_set_client,"
            f" @inception_collation = @@collation_connection, sql_mode = {quote_text(self.sql_mode)},"
            f" character_set_client = {self.charset}, collation_connection = {self.collation};"
        )
        yield (
            f"CREATE DEFINER={quote_identifier(user)}@{quote_identifier(host)}"
            f" TRIGGER {quote_identifier(schema_name)}.{quote_identifier(name or self.name)} {self.timing} {self.event}"
            f" ON {quote_identifier(schema_name)}.{quote_identifier(table_name)} FOR EACH ROW {self.body};"
        )
        yield (
            "SET sql_mode = @inception_mode, character_set_client = @inception_charset,"
            " collation_connection = @inception_collation;"
        )


def read_body(text: str) -> str | None:
    """Return what runs for each row, from what SHOW CREATE TRIGGER says; None where that begins in an unknown way.

    information_schema has it too, but with the literals written in another way, and not sign by sign. What ended the
    statement is no part of it: MySQL keeps the `;` of a text of several statements.
    """
    match = _HEAD.match(text)
    return text[match.end() :].rstrip("; \t\r\n") if match else None


def digest_triggers(triggers: Iterable[TriggerDefinition]) -> str:
    """Return a short mark of the triggers of a table; two lists that are equal have the same."""
    return hashlib.sha256(repr(list(triggers)).encode()).hexdigest()[:16]


def build_look_at_names(schema_name: str, table_name: str, triggers: Iterable[TriggerDefinition]) -> str:
    """Return a statement that fails (ER_SUBQUERY_NO_1_ROW) where another table of the schema has such a trigger."""
    names = ", ".join(_literal(trigger.name) for trigger in triggers)
    return (
        "SELECT (SELECT 1 UNION ALL SELECT 1 FROM information_schema.TRIGGERS"
        f" WHERE TRIGGER_SCHEMA = {_literal(schema_name)} AND TRIGGER_NAME IN ({names})"
        f" AND EVENT_OBJECT_TABLE <> {_literal(table_name)});"
    )


def _literal(name: str) -> str:
    return build_text_literal(name.encode(), "utf8mb4")

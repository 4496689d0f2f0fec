"""Undoing a schema change on the target: its statements, and the looks before what cannot be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.conflicts import Conflict, Conflicts
from backups.emptiness import find_fired, find_in_table, find_object
from backups.errors import RestoreError
from backups.rollback.databases import parse_drop
from backups.rollback.kept_values import Question, is_preparation, parse_question, parse_write
from backups.rollback_session import SCHEMA_CHANGE_MODE, SQL_MODE, UTC

TOO_MANY_ROWS = 1242
"""ER_SUBQUERY_NO_1_ROW: what kept.build_look_at_rows found."""

_ROWS_SINCE = (
    "found rows that were written since, for which no values of the dropped columns were kept, and a key, check or"
    " foreign key on these. Needed: only rows that were there when the columns were dropped. Move the others away."
)

_NAMES_TAKEN = (
    "found another table that has a trigger by the name of one that is to come back with its table. Needed: its name."
    " Nothing was changed; rename the other trigger."
)


@dataclass(slots=True)
class SchemaUndo:
    """The schema changes that one rollback undoes, in its session.

    marker: the comment every statement begins with. conflicts: of the whole rollback.
    changes_committed: statements that changed something, which the server committed at once.
    """

    cursor: Any
    marker: str
    conflicts: Conflicts
    rows_skipped: int = 0
    rows_overwritten: int = 0
    statements_run: int = 0
    changes_committed: int = 0

    def run(self, records: Sequence[tuple[int, str]], time_zone: str) -> None:
        """Run the statements of one schema change's way back, up to one that would take away what is not ours.

        time_zone: in which the definitions were read, whose texts name times; "" for the server's.
        Raises RestoreError, MySQLdb.Error.
        """
        self.cursor.execute("SELECT @@GLOBAL.time_zone")
        ((server_zone,),) = self.cursor.fetchall()
        self.cursor.execute(f"SET SESSION sql_mode = '{SCHEMA_CHANGE_MODE}'")
        try:
            for _, text in records:
                if self._keeps_rows(text) or self._keeps_objects(text):
                    break
                # What a column's DEFAULT names, and what becomes of values that change between TIMESTAMP and others, is
                # the server's time. Values are found and compared as they are stored: twice a year an hour comes twice.
                zone = UTC if text.startswith(("SELECT ", "UPDATE ")) else time_zone or server_zone
                self.cursor.execute("SET SESSION time_zone = %s", (zone,))
                try:
                    self.cursor.execute(f"{self.marker} {text}".encode())
                except MySQLdb.Error as error:
                    if text.startswith("SELECT ") and error.args[0] == TOO_MANY_ROWS:
                        raise RestoreError(_NAMES_TAKEN if "information_schema" in text else _ROWS_SINCE) from error
                    raise
                if text.startswith("LOCK TABLES "):
                    self._require_no_trigger(records)
                question = parse_question(text)
                if question is not None and not self._settle_kept(question):
                    break
                self.statements_run += 1
                self.changes_committed += not is_preparation(text)
        finally:
            with suppress(MySQLdb.Error):  # a session that is gone holds no tables
                self.cursor.execute("UNLOCK TABLES")
        self.cursor.execute(f"SET SESSION sql_mode = '{SQL_MODE}', SESSION time_zone = '{UTC}'")
        self.cursor.execute("START TRANSACTION")

    def _require_no_trigger(self, records: Iterable[tuple[int, str]]) -> None:
        """Raise RestoreError where putting kept values back would fire a trigger. The table is locked: none comes."""
        for write in filter(None, (parse_write(text) for _, text in records)):
            schema, table, event = write
            if trigger := find_fired(self.cursor, schema, table, event):
                raise RestoreError(
                    f"found the trigger {trigger} on {schema}.{table}, which would fire when what was set aside is put"
                    f" back. Needed: no trigger on {event}. Drop it for the time of the rollback."
                )

    def _keeps_rows(self, text: str) -> bool:
        """Tell whether undoing a CREATE TABLE would take rows away that did not come with it."""
        if self.conflicts.on_conflict == "overwrite" or (found := find_in_table(self.cursor, text)) is None:
            return False
        schema, table, what = found
        detail = f"the table holds {what}, which dropping it would take away"
        self.conflicts.add(Conflict(schema, table, "", "changed", None, None, None, detail))
        return True

    def _keeps_objects(self, text: str) -> bool:
        """Tell whether undoing a CREATE DATABASE would take away what others made in the schema.

        No choice about conflicts lets it: what would go is more than the rows that the page can show.
        """
        schema = parse_drop(text)
        found = find_object(self.cursor, schema) if schema is not None else ""
        if schema is None or not found:
            return False
        detail = f"the schema {schema} holds {found}, which dropping it would take away"
        if self.conflicts.on_conflict != "stop":
            raise RestoreError(f"{detail}. Needed: an empty schema. Drop what is in there in a ticket of its own.")
        self.conflicts.add(Conflict(schema, "", "", "changed", None, None, None, detail))
        return True

    def _settle_kept(self, question: Question) -> bool:
        """Note the rows that others changed since their values were kept, and do with them what was asked for.

        The cursor has the answer to the question: their keys. Returns False when nothing may be changed.
        """
        fields, rows = [column[0] for column in self.cursor.description], self.cursor.fetchall()
        if not rows:
            return True
        reason, detail = "changed", "a column that is to get its old type and value back was changed since"
        if not question.overwrite:
            reason, detail = "exists", "a row that was written since has the key of one that is to come back"
            if self.conflicts.on_conflict == "overwrite":
                raise RestoreError(f"found {detail}. Needed: its place. Nothing was changed; choose to skip such rows.")
        for row in rows:
            key = ", ".join(f"{name}={_show_key(value)}" for name, value in zip(fields, row, strict=True))
            self.conflicts.add(Conflict(*question.table, key, reason, None, None, None, detail))
        self.cursor.execute(question.count.encode())
        ((count,),) = self.cursor.fetchall()
        if self.conflicts.on_conflict == "skip":
            self.rows_skipped += count
        if self.conflicts.on_conflict == "overwrite":
            self.cursor.execute(question.overwrite.encode())
            self.rows_overwritten += count
        return self.conflicts.on_conflict != "stop"


def _show_key(value: Any) -> str:
    return f"X'{value.hex()}'" if isinstance(value, bytes) else str(value)

"""The words for each kind of statement that may not run: found, needed, how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from changes.kinds import StatementKind, read_object
from changes.lexer import Token

ALLOWED_TEXT = (
    "One of INSERT, REPLACE, UPDATE, DELETE; CREATE, ALTER, DROP, RENAME or TRUNCATE TABLE; "
    "CREATE or DROP INDEX; CREATE, ALTER or DROP VIEW; CREATE or ALTER DATABASE."
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """why: ends the sentence "Statement 2 (line 5) is SET: …"."""

    why: str
    how: str


_SESSION = "it changes how later statements are read or logged"
_TRANSACTION = "Inception begins and ends transactions itself, to know what was committed"
_PRIVILEGE = "accounts and privileges are not rows that can be put back"
_PREPARED = "the text that would run is not the text that is reviewed"
_READ_ONLY = "it changes nothing, and a ticket is for changes"
_ADMIN = "it administers the server; nothing of it is in the backup"
_HOLDS_LOCK = "it takes or drops locks of the session, ours too"

_REFUSALS = {
    StatementKind.SET: Refusal(_SESSION, "Delete it; the session has the sql_mode and the time zone of the server."),
    StatementKind.USE: Refusal(_SESSION, "Delete it and choose the schema on the ticket."),
    StatementKind.CALL: Refusal(
        "a routine's text is not in the ticket", "Write the routine's statements into the ticket."
    ),
    StatementKind.DO: Refusal("it runs functions for their side effects", "Delete it."),
    StatementKind.EXECUTE: Refusal(_PREPARED, "Write the statement itself."),
    StatementKind.PREPARE: Refusal(_PREPARED, "Write the statement itself."),
    StatementKind.GRANT: Refusal(_PRIVILEGE, "Have an administrator do it outside of a ticket."),
    StatementKind.REVOKE: Refusal(_PRIVILEGE, "Have an administrator do it outside of a ticket."),
    StatementKind.LOCK: Refusal(_HOLDS_LOCK, "Delete it; each statement takes the locks it needs."),
    StatementKind.UNLOCK: Refusal(_HOLDS_LOCK, "Delete it; each statement takes the locks it needs."),
    StatementKind.HANDLER: Refusal(_HOLDS_LOCK, "Delete it."),
    StatementKind.XA: Refusal(_TRANSACTION, "Delete it."),
    StatementKind.BEGIN: Refusal(_TRANSACTION, "Delete it; take out COMMIT and ROLLBACK too."),
    StatementKind.START: Refusal(_TRANSACTION, "Delete it; take out COMMIT and ROLLBACK too."),
    StatementKind.COMMIT: Refusal(_TRANSACTION, "Delete it; each statement is committed when it has succeeded."),
    StatementKind.ROLLBACK: Refusal(_TRANSACTION, "Delete it; undo a ticket with its Roll back button."),
    StatementKind.SAVEPOINT: Refusal(_TRANSACTION, "Delete it."),
    StatementKind.LOAD: Refusal("it reads a file that the reviewer cannot see", "Write the rows as INSERT statements."),
    StatementKind.SELECT: Refusal(_READ_ONLY, "Delete it and query the server directly."),
    StatementKind.TABLE: Refusal(_READ_ONLY, "Delete it and query the server directly."),
    StatementKind.VALUES: Refusal(_READ_ONLY, "Delete it and query the server directly."),
    StatementKind.SHOW: Refusal(_READ_ONLY, "Delete it and query the server directly."),
    StatementKind.EXPLAIN: Refusal(_READ_ONLY, "Delete it and query the server directly."),
    StatementKind.ANALYZE: Refusal(_ADMIN, "Delete it."),
    StatementKind.FLUSH: Refusal(_ADMIN, "Delete it."),
    StatementKind.KILL: Refusal(_ADMIN, "Delete it."),
    StatementKind.OPTIMIZE: Refusal(_ADMIN, "Delete it."),
}
_OBJECT_REFUSALS = {
    **dict.fromkeys(("USER", "ROLE"), Refusal(_PRIVILEGE, "Have an administrator do it outside of a ticket.")),
    **dict.fromkeys(
        ("PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"),
        Refusal(
            "its body would run later, without review and backup", "Have an administrator do it outside of a ticket."
        ),
    ),
    **dict.fromkeys(
        ("DATABASE", "SCHEMA"),
        Refusal(
            "all that is in the schema would go with it, and could not be put back",
            "Drop its tables in a ticket of that schema, and have an administrator drop the empty schema.",
        ),
    ),
    "SEQUENCE": Refusal("a sequence's numbers cannot be put back", "Use an AUTO_INCREMENT column."),
}
_OTHER_OBJECT = Refusal("Inception cannot back it up", "Have an administrator do it outside of a ticket.")
_UNKNOWN = Refusal("Inception does not know this statement", "Correct its first word, or delete it.")
_BY_OBJECT = {StatementKind.CREATE, StatementKind.ALTER, StatementKind.DROP, StatementKind.RENAME}


def choose_refusal(kind: StatementKind, tokens: Sequence[Token]) -> tuple[str, str, Refusal]:
    """Return (problem id, the statement's words, why it is refused) of a kind that is not allowed.

    Ids: "statement.set", "statement.create_user", "statement.unknown", …
    """
    if kind is StatementKind.OTHER:
        word = tokens[0].text
        return "statement.unknown", word if len(word) <= 40 else word[:39] + "…", _UNKNOWN
    if kind is StatementKind.START and tokens[1:2] and tokens[1].key != "TRANSACTION":
        return "statement.start", f"START {tokens[1].text}", Refusal(_ADMIN, "Delete it.")
    if kind not in _BY_OBJECT:
        return f"statement.{kind.value.lower()}", kind.value, _REFUSALS[kind]
    word, _ = read_object(tokens)
    refusal = _OBJECT_REFUSALS.get(word, _OTHER_OBJECT)
    known = word if word.isalpha() and word.isascii() else ""
    label = f"{kind.value} {known}".strip()
    return "statement." + label.lower().replace(" ", "_"), label, refusal

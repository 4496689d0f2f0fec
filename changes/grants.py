"""What an account may do, read from the text of SHOW GRANTS."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = r"(?:`(?:[^`]|``)*`|\*)"
_LINE = re.compile(
    rf"(?P<verb>GRANT|REVOKE)\s+(?P<privileges>.+?)\s+ON\s+(?:TABLE\s+)?(?P<schema>{_NAME})\.(?P<table>{_NAME})"
    r"\s+(?:TO|FROM)\s",
    re.DOTALL,
)
_COLUMNS = re.compile(r"\s*\([^)]*\)")

# The same right under another name: MariaDB 10.5 renamed REPLICATION CLIENT and split SUPER and REPLICATION SLAVE.
_ALSO = {
    "REPLICATION CLIENT": ("BINLOG MONITOR", "SUPER"),
    "BINLOG MONITOR": ("REPLICATION CLIENT", "SUPER"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One line: rights on one level.

    privileges: upper-case names; "ALL PRIVILEGES" as the server writes it. Rights on single columns are left out.
    schema_name, table_name: None stands for `*`. A schema name may hold the wildcards % and _, or \\_ for a plain _.
    revoked: a partial revoke (MySQL 8.0.16), which takes a global right away from one schema.
    """

    privileges: frozenset[str]
    schema_name: str | None
    table_name: str | None
    revoked: bool = False

    def has(self, privilege: str) -> bool:
        wanted = (privilege, "ALL PRIVILEGES", *_ALSO.get(privilege, ()))
        return any(name in self.privileges for name in wanted)

    def covers(self, schema_name: str | None, table_name: str | None) -> bool:
        """Whether this line speaks about the table, the schema (no table), or the server (neither)."""
        if self.schema_name is None:
            return True
        if schema_name is None or not _matches(self.schema_name, schema_name):
            return False
        return self.table_name is None or self.table_name == table_name


@dataclass(frozen=True, slots=True)
class Grants:
    lines: tuple[Grant, ...] = ()

    def has_privilege(self, privilege: str, schema_name: str | None = None, table_name: str | None = None) -> bool:
        """Whether the account has `privilege` on the server, the schema, or the table.

        privilege: upper case, e.g. "SELECT", "REPLICATION SLAVE". A right on a table is not one on its schema.
        """
        for line in self.lines:
            if line.revoked and line.has(privilege) and schema_name and line.covers(schema_name, table_name):
                return False
        return any(
            not line.revoked and line.has(privilege) and line.covers(schema_name, table_name) for line in self.lines
        )

    def has_privilege_within(self, privilege: str, schema_name: str) -> bool:
        """Whether the account has `privilege` on the schema or on any of its tables."""
        tables = {line.table_name for line in self.lines if line.table_name is not None}
        return any(self.has_privilege(privilege, schema_name, table) for table in (None, *tables))


def parse_grants(lines: Iterable[str]) -> Grants:
    """Return what the lines of SHOW GRANTS say about rights.

    Lines about roles, proxies and routines say nothing about tables and are passed over: SHOW GRANTS also lists the
    rights of the active roles themselves (measured on MariaDB 10.11 and MySQL 9.7).
    """
    return Grants(tuple(grant for grant in map(_parse_line, lines) if grant is not None))


def _parse_line(line: str) -> Grant | None:
    match = _LINE.match(line)
    if match is None:
        return None
    # SELECT (`a`, `b`), INSERT: the column list goes with its right, which is none on the table.
    with_columns = {part.strip() for part in re.findall(r"([A-Z ]+?)\s*\(", match["privileges"])}
    names = {part.strip().upper() for part in _COLUMNS.sub("", match["privileges"]).split(",")} - with_columns
    return Grant(
        frozenset(names), _unquote(match["schema"]), _unquote(match["table"]), revoked=match["verb"] == "REVOKE"
    )


def _unquote(name: str) -> str | None:
    return None if name == "*" else name[1:-1].replace("``", "`")


def _matches(pattern: str, schema_name: str) -> bool:
    """Compare as the server does: % any text, _ any character, a backslash takes the meaning away."""
    text = ""
    for escaped, char in re.findall(r"\\(.)|(.)", pattern, re.DOTALL):
        text += re.escape(escaped) if escaped else {"%": ".*", "_": "."}.get(char, re.escape(char))
    return re.fullmatch(text, schema_name, re.DOTALL) is not None

"""A schema's own options, as SHOW CREATE DATABASE says them, and the statements that make and change them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from backups.errors import DefinitionError
from backups.rollback.literals import quote_identifier

_HEAD = re.compile(r"CREATE DATABASE `((?:[^`]|``)+)`")
_OPTION = re.compile(
    r"\s*(?:/\*!\d+\s*)?(?:DEFAULT )?"
    r"(?:CHARACTER SET (?P<charset>\w+)|COLLATE (?P<collation>\w+)|ENCRYPTION='(?P<encryption>\w)'"
    r"|COMMENT (?P<comment>'(?:[^'\\]|\\.|'')*+'))(?:\s*\*/)?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class DatabaseDefinition:
    """A schema without what is in it.

    collation: "" for the one that belongs to the character set. comment: as a literal, "" for none (MariaDB).
    encryption: "Y" or "N", "" where the server has no such option (MySQL).
    unread: what else SHOW CREATE DATABASE says: it can be compared, not undone.
    """

    name: str = field(compare=False)
    charset: str
    collation: str = ""
    comment: str = ""
    encryption: str = ""
    unread: str = ""

    @property
    def without_counter(self) -> DatabaseDefinition:
        """What is compared; a schema has no counter."""
        return self

    def build_options(self) -> str:
        """Return the options as they stand behind the name in CREATE DATABASE."""
        return " ".join(self._options(DatabaseDefinition(self.name, "")))

    def build_alter(self, now: DatabaseDefinition) -> str:
        """Return the statement that gives the schema, which has the options `now`, these."""
        return f"ALTER DATABASE {quote_identifier(self.name)} {' '.join(self._options(now))};"

    def _options(self, now: DatabaseDefinition) -> Iterator[str]:
        if (self.charset, self.collation) != (now.charset, now.collation):
            yield f"CHARACTER SET = {self.charset}"
            if self.collation:
                yield f"COLLATE = {self.collation}"
        if self.comment != now.comment:
            yield f"COMMENT = {self.comment or chr(39) * 2}"
        if self.encryption != now.encryption:
            yield f"ENCRYPTION = '{self.encryption}'"


def parse_database(text: str) -> DatabaseDefinition:
    """Return the parts of what SHOW CREATE DATABASE said. Raises DefinitionError."""
    head = _HEAD.match(text)
    found, place = dict[str, str](), head.end() if head else 0
    while head and place < len(text.rstrip()):
        option = _OPTION.match(text, place)
        if option is None:
            break
        found |= {name: value for name, value in option.groupdict().items() if value is not None}
        place = option.end()
    if head is None or "charset" not in found:
        raise DefinitionError(f"found a definition that begins {text[:40]!r}; needed: CREATE DATABASE and its options.")
    return DatabaseDefinition(head[1].replace("``", "`"), **found, unread=text[place:].strip())


def build_drop(name: str) -> str:
    """Return the statement that drops a schema; a rollback sends it only while nothing is in there."""
    return f"DROP DATABASE {quote_identifier(name)} /* only while it is empty */;"


_DROP = re.compile(r"DROP DATABASE `((?:[^`]|``)+)` /\* only while it is empty \*/;")


def parse_drop(text: str) -> str | None:
    """Return the name in a statement of `build_drop`, None for any other statement."""
    match = _DROP.fullmatch(text)
    return match[1].replace("``", "`") if match else None

"""What each clause of an ALTER TABLE does, as far as its undo has to know it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from changes.references import ReferenceReader


class AlterAction(StrEnum):
    ADD_COLUMN = "ADD COLUMN"
    ADD_INDEX = "ADD INDEX"
    DROP_COLUMN = "DROP COLUMN"
    RENAME_TABLE = "RENAME TABLE"
    RENAME_COLUMN = "RENAME COLUMN"
    DEFINITION = "DEFINITION"  # all it does stands in the table's definition
    ROWS = "ROWS"  # it takes or moves rows, which no definition shows
    OPTION = "OPTION"  # ALGORITHM, LOCK, WAIT: how, not what
    OTHER = "OTHER"  # not known here


@dataclass(frozen=True, slots=True)
class AlterClause:
    """One clause of an ALTER TABLE.

    name: column, index or new table; "" when the clause gives none ("PRIMARY" for a primary key).
    old: name that a renamed column had.
    partitions: those whose rows it takes; EVERY_PARTITION for all.
    redefines: column, by its name before, that gets a new definition; EVERY_TEXT for CONVERT TO CHARACTER SET.
    if_not_exists: the clause may change nothing.
    text: its first words, for messages.
    """

    action: AlterAction
    name: str = ""
    if_not_exists: bool = False
    text: str = ""
    old: str = ""
    redefines: str = ""
    partitions: tuple[str, ...] = ()


EVERY_TEXT = "*"
"""Every column of characters; no column is called so."""

EVERY_PARTITION = "*"

_INDEX_WORDS = {"INDEX", "KEY", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY"}
_NO_COLUMN = {"CONSTRAINT", "FOREIGN", "CHECK", "PARTITION", "SYSTEM", "PERIOD"}
_OPTIONS = {
    "AUTO_INCREMENT", "AUTOEXTEND_SIZE", "AVG_ROW_LENGTH", "CHARACTER", "CHARSET", "CHECKSUM", "COLLATE", "COMMENT",
    "COMPRESSION", "DEFAULT", "DELAY_KEY_WRITE", "ENGINE", "KEY_BLOCK_SIZE", "MAX_ROWS", "MIN_ROWS", "PACK_KEYS",
    "PAGE_CHECKSUM", "ROW_FORMAT", "STATS_AUTO_RECALC", "STATS_PERSISTENT", "STATS_SAMPLE_PAGES", "TABLESPACE",
    "TRANSACTIONAL",
}  # fmt: skip
_IN_DEFINITION = {
    *("ADD", "DROP", "ALTER", "COALESCE", "REORGANIZE", "REMOVE", "PARTITION", "REBUILD", "FORCE"),
    *("ORDER", "OPTIMIZE", "ANALYZE", "CHECK", "REPAIR"),
}
_PARTITION_VERBS = {
    "ADD", "ANALYZE", "CHECK", "COALESCE", "CONVERT", "DROP", "EXCHANGE", "OPTIMIZE", "REBUILD", "REORGANIZE", "REPAIR",
    "TRUNCATE",
}  # fmt: skip
_ROWS = {("DROP", "PARTITION"), ("TRUNCATE", "PARTITION"), ("EXCHANGE", "PARTITION"), ("CONVERT", "PARTITION")}


def is_partition_clause(reader: ReferenceReader, start: int) -> bool:
    """Whether the clause at the token `start` is about partitions by name, as REORGANIZE PARTITION a, b INTO (…) is."""
    words = [token.key for token in reader.tokens[start : start + 2]]
    return len(words) == 2 and words[0] in _PARTITION_VERBS and words[1] == "PARTITION"


def read_clause(reader: ReferenceReader, end: int) -> AlterClause:
    """Read the clause from the reader's place to the token `end`; the reader may stop in the middle of it."""
    text = " ".join(token.text for token in reader.tokens[reader.position : min(end, reader.position + 3)])
    key, following = reader.key(), reader.key(1)
    if key in ("ALGORITHM", "LOCK") and (following == "=" or end - reader.position == 2):
        return AlterClause(AlterAction.OPTION, text=text)
    if key in ("WITH", "WITHOUT") and following == "VALIDATION":
        return AlterClause(AlterAction.OPTION, text=text)
    if reader.accept("RENAME"):
        return _read_rename(reader, text)
    if reader.accept("CHANGE"):
        return _read_change(reader, text)
    if reader.accept("ADD"):
        return _read_add(reader, text)
    if (key, following) in _ROWS or (key, following) == ("CONVERT", "TABLE"):
        taken = _read_partitions(reader) if key in ("DROP", "TRUNCATE") else ()
        return AlterClause(AlterAction.ROWS, text=text, partitions=taken)
    if reader.accept("DROP") and reader.key() not in _NO_COLUMN | _INDEX_WORDS:
        reader.accept("COLUMN")
        reader.accept("IF", "EXISTS")
        return AlterClause(AlterAction.DROP_COLUMN, reader.read_name()[-1], text=text)
    if (key, following) == ("CONVERT", "TO"):
        return AlterClause(AlterAction.DEFINITION, text=text, redefines=EVERY_TEXT)
    if reader.accept("MODIFY"):
        reader.accept("COLUMN")
        reader.accept("IF", "EXISTS")
        return AlterClause(AlterAction.DEFINITION, text=text, redefines=reader.read_name()[-1])
    known = key in _IN_DEFINITION or key in _OPTIONS or following == "="
    return AlterClause(AlterAction.DEFINITION if known else AlterAction.OTHER, text=text)


def _read_partitions(reader: ReferenceReader) -> tuple[str, ...]:
    """Read DROP or TRUNCATE PARTITION, and the names behind it, up to the end of the statement."""
    reader.position += 2
    reader.accept("IF", "EXISTS")
    if reader.accept("ALL"):
        return (EVERY_PARTITION,)
    names = [reader.read_name()[-1]]
    while reader.accept(","):
        names.append(reader.read_name()[-1])
    return tuple(names)


def _read_add(reader: ReferenceReader, text: str) -> AlterClause:
    # A column may be called vector.
    if reader.key() in _INDEX_WORDS or (reader.key() == "VECTOR" and reader.key(1) in ("INDEX", "KEY")):
        return _read_add_index(reader, text)
    is_column = reader.accept("COLUMN")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    if reader.key() == "(" or (reader.key() in _NO_COLUMN and not is_column):
        return AlterClause(AlterAction.DEFINITION, text=text)
    return AlterClause(AlterAction.ADD_COLUMN, reader.read_name()[-1], if_not_exists, text)


def _read_rename(reader: ReferenceReader, text: str) -> AlterClause:
    if reader.key() in ("INDEX", "KEY"):
        return AlterClause(AlterAction.DEFINITION, text=text)
    if reader.accept("COLUMN"):
        reader.accept("IF", "EXISTS")
        old = reader.read_name()[-1]
        reader.need("TO")
        return AlterClause(AlterAction.RENAME_COLUMN, reader.read_name()[-1], text=text, old=old)
    if not reader.accept("TO") and not reader.accept("AS"):
        reader.accept("=")
    return AlterClause(AlterAction.RENAME_TABLE, reader.read_table().table, text=text)


def _read_change(reader: ReferenceReader, text: str) -> AlterClause:
    reader.accept("COLUMN")
    reader.accept("IF", "EXISTS")
    old = reader.read_name()[-1]
    return AlterClause(AlterAction.RENAME_COLUMN, reader.read_name()[-1], text=text, old=old, redefines=old)


def _read_add_index(reader: ReferenceReader, text: str) -> AlterClause:
    if reader.accept("PRIMARY", "KEY"):
        return AlterClause(AlterAction.ADD_INDEX, "PRIMARY", text=text)
    reader.skip_any("UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR")
    reader.skip_any("INDEX", "KEY")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    if reader.key() in ("(", "USING"):
        return AlterClause(AlterAction.ADD_INDEX, "", if_not_exists, text)
    return AlterClause(AlterAction.ADD_INDEX, reader.read_name()[-1], if_not_exists, text)

"""SQL text of a row change. Undoing is `build_…(invert(change), …)`: one place for keys, NULL and quoting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backups.binlog.codecs import Codec
from backups.binlog.rows import ABSENT, ChangeKind, Image, RowChange, Table, Value
from backups.errors import DecodeError
from backups.rollback.literals import display, quote_identifier


def build_stored(change: RowChange, table: Table, codecs: Sequence[Codec]) -> str:
    """Return the readable statement that makes `change`: by key, ending in ';'.

    Without a key every column is compared exactly and LIMIT 1 takes one of several equal rows.
    Raises DecodeError when an image lacks a column that the statement needs.
    """
    if change.before is None:
        where = ""
    elif table.primary_key:
        where = " WHERE " + " AND ".join(_key_conditions(change.before, table, codecs))
    else:
        where = f" WHERE {_row_condition(change.before, table, codecs)} LIMIT 1"
    return f"{_build_change(change, table)}{where};"


def build_guarded(change: RowChange, table: Table, codecs: Sequence[Codec]) -> str:
    """Return the statement that makes `change` only where the row still is as `change.before` says, byte for byte.

    It matches one row or none, and has no ';'. INSERT is guarded by the table's keys.
    """
    if change.before is None:
        return _build_change(change, table)
    return f"{_build_change(change, table)} WHERE {_row_condition(change.before, table, codecs)} LIMIT 1"


def build_exists(image: Image, table: Table, codecs: Sequence[Codec]) -> str:
    """Return the SELECT that counts the rows which equal `image` exactly."""
    return f"SELECT COUNT(*) FROM {_name(table)} WHERE {_row_condition(image, table, codecs)}"


def build_now(image: Image, table: Table, codecs: Sequence[Codec]) -> str:
    """Return the SELECT of the row that has the key of `image`, or equals it where the table has no key.

    Each column comes as ASCII text or NULL; parse_now makes an image of it.
    """
    columns = ", ".join(
        f"{codec.read(quote_identifier(column.name))} AS {quote_identifier(column.name)}"
        for column, codec in zip(table.columns, codecs, strict=True)
    )
    if table.primary_key:
        where = " AND ".join(_key_conditions(image, table, codecs))
    else:
        where = _row_condition(image, table, codecs)
    return f"SELECT {columns} FROM {_name(table)} WHERE {where} LIMIT 1"


def parse_now(row: Sequence[str | bytes | None], codecs: Sequence[Codec]) -> Image:
    """Return the image of a row that build_now's SELECT gave."""
    return tuple(
        None if text is None else codec.literal(text.decode("ascii") if isinstance(text, bytes) else text)
        for text, codec in zip(row, codecs, strict=True)
    )


def build_key_conditions(image: Image, table: Table, codecs: Sequence[Codec]) -> list[str]:
    """Return the comparisons that find the row with the key of `image`; none where the table has no key."""
    return list(_key_conditions(image, table, codecs))


def build_key_text(image: Image, table: Table) -> str:
    """Return a row's key for people, e.g. "id=42"; of all columns where the table has no key."""
    indexes = table.primary_key or range(len(table.columns))
    return ", ".join(f"{table.columns[index].name}={display_value(image[index])}" for index in indexes)


def display_value(value: Value) -> str:
    """Return a value of an image for people: NULL and absent columns too."""
    if value is None:
        return "NULL"
    return "(not logged)" if value is ABSENT else display(value)


def _name(table: Table) -> str:
    return f"{quote_identifier(table.schema_name)}.{quote_identifier(table.name)}"


def _build_change(change: RowChange, table: Table) -> str:
    if change.kind is ChangeKind.DELETE:
        return f"DELETE FROM {_name(table)}"
    assert change.after is not None
    written = _written(change.after, table)
    if change.kind is ChangeKind.UPDATE:
        # Every column, changed or not: else ON UPDATE CURRENT_TIMESTAMP would fire.
        pairs = (f"{name}={value}" for name, value in written if value is not ABSENT)
        return f"UPDATE {_name(table)} SET {', '.join(pairs)}"
    if any(value is ABSENT for _, value in written):
        raise DecodeError(
            f"{table.schema_name}.{table.name}: found a row image without all columns; needed: all, to insert the row. "
            "SET GLOBAL binlog_row_image=FULL before the next change."
        )
    names = ",".join(name for name, _ in written)
    return f"INSERT INTO {_name(table)}({names}) VALUES({','.join(str(value) for _, value in written)})"


def _written(image: Image, table: Table) -> list[tuple[str, Value]]:
    """Return (quoted name, SQL value) of the columns that can be written."""
    return [
        (quote_identifier(column.name), "NULL" if value is None else value)
        for column, value in zip(table.columns, image, strict=True)
        if not column.generated
    ]


def _condition(index: int, image: Image, table: Table, codec: Codec, *, exactly: bool) -> str:
    name, value = quote_identifier(table.columns[index].name), image[index]
    if value is ABSENT:
        raise DecodeError(
            f"{table.schema_name}.{table.name}.{table.columns[index].name}: found a row image without this column; "
            "needed to find the row. SET GLOBAL binlog_row_image=FULL before the next change."
        )
    if value is None:
        return f"{name} IS NULL"
    return codec.equals(name, value) if exactly else codec.key_equals(name, value)


def _key_conditions(image: Image, table: Table, codecs: Sequence[Codec]) -> Iterable[str]:
    for index in table.primary_key:
        yield _condition(index, image, table, codecs[index], exactly=False)


def _row_condition(image: Image, table: Table, codecs: Sequence[Codec]) -> str:
    """Key for the index, then every column that is not generated, exactly. Absent columns cannot be compared."""
    conditions = list(_key_conditions(image, table, codecs))
    for index, column in enumerate(table.columns):
        if column.generated or image[index] is ABSENT:
            continue
        condition = _condition(index, image, table, codecs[index], exactly=True)
        if condition not in conditions:
            conditions.append(condition)
    if not conditions:
        raise DecodeError(f"{table.schema_name}.{table.name}: found a row image without columns; needed: at least one.")
    return " AND ".join(conditions)

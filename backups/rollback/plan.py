"""Everything that reads and writes one table's row changes, bound once per table map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backups.binlog.events import ROWS_KINDS, decode_rows_head, iterate_rows
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ChangeKind, Image, RowChange, Table
from backups.binlog.tables import TableMap, bind_codecs
from backups.errors import DecodeError
from backups.rollback import statements
from backups.rollback.generated import UNEXPECTED, BuildInverses, generate_inverses
from backups.rollback.inverse import invert

_HEADS_KEPT = 1000
_GENERATED_TYPES = frozenset({23, 24, 25, 30, 31, 32})  # rows events of version 1 and 2, in plain
# Compiling takes as long as some hundred rows one by one.
_SMALL_EVENT_BYTES = 4000
_SMALL_EVENTS = 16


class TablePlan:
    """Decoder and builders of one table as one table map describes it.

    Raises DecodeError or UnknownTypeError when made, so that a plan that exists can read the table's rows.
    """

    def __init__(self, table: Table, table_map: TableMap, flavor: Flavor) -> None:
        self.table = table
        self.table_map = table_map
        self.flavor = flavor
        self.wire_codecs = bind_codecs(table_map, table, flavor)
        self.codecs = self.wire_codecs[: len(table.columns)]
        self._generated: dict[ChangeKind, BuildInverses | None] = {}
        self._full_heads: set[bytes] = set()
        self._small_events = 0

    def decode_rows(self, body: bytes, type_code: int) -> Iterator[RowChange]:
        """Yield the changes in a rows event's body (no header, no checksum), in the order they were made."""
        return iterate_rows(body, type_code, self.table_map, self.wire_codecs, hidden=self.table.hidden)

    def has_needed_columns(self, body: bytes, type_code: int) -> bool:
        """Tell whether the row images carry every column that can be written. Raises DecodeError when the head is cut.

        Generated columns follow from the others; MariaDB leaves virtual ones out (11.8.9 does, 11.8.6 did not).
        """
        if self.has_all_columns(body, type_code):
            return True
        found = decode_rows_head(body, type_code)
        return found.column_count == len(self.wire_codecs) and all(
            there or column.generated
            for image in found.present
            for there, column in zip(image[: len(self.codecs)], self.table.columns, strict=True)
        )

    def has_all_columns(self, body: bytes, type_code: int) -> bool:
        """Tell whether the row images carry every column of the table. Raises DecodeError when the head is cut."""
        head = body[: self._rows_offset(body, type_code)]
        if head in self._full_heads:
            return True
        found = decode_rows_head(body, type_code)
        if found.column_count != len(self.wire_codecs) or not all(all(image) for image in found.present):
            return False
        if len(self._full_heads) >= _HEADS_KEPT:  # the extra data of version 2 can make many
            self._full_heads.clear()
        self._full_heads.add(head)
        return True

    def build_inverses(self, body: bytes, type_code: int) -> list[str]:
        """Return the stored text of what undoes each change of a rows event, in the order the changes were made.

        Raises DecodeError when a value that the text needs cannot be read; others may be skipped.
        """
        if len(body) < _SMALL_EVENT_BYTES and self._small_events < _SMALL_EVENTS:
            self._small_events += 1
            return self.build_inverses_plainly(body, type_code)
        build = self.find_generated(type_code)
        if build and int.from_bytes(body[:6], "little") == self.table_map.table_id:
            try:
                if self.has_all_columns(body, type_code):
                    return build(body, self._rows_offset(body, type_code))
            except UNEXPECTED:
                pass  # the plain decoder says what is wrong, or knows the value after all
        return self.build_inverses_plainly(body, type_code)

    def build_inverses_plainly(self, body: bytes, type_code: int) -> list[str]:
        """The same row by row; the oracle of build_inverses."""
        return [self.build_stored(invert(change)) for change in self.decode_rows(body, type_code)]

    def find_generated(self, type_code: int) -> BuildInverses | None:
        """Return the generated function for events of this type, None where rows are built one by one."""
        if type_code not in _GENERATED_TYPES:
            return None
        kind = ROWS_KINDS[type_code]
        if kind not in self._generated:
            self._generated[kind] = generate_inverses(self.table, self.table_map, self.codecs, self.flavor, kind)
        return self._generated[kind]

    def _rows_offset(self, body: bytes, type_code: int) -> int:
        """Return where the rows begin in an event of this table: after its ids, extra data, and bitmaps of columns."""
        count = len(self.wire_codecs)
        bitmaps = 2 if ROWS_KINDS.get(type_code) is ChangeKind.UPDATE else 1
        extra = int.from_bytes(body[8:10], "little") if type_code >= 30 else 0
        return 8 + extra + (1 if count < 251 else 3) + (count + 7) // 8 * bitmaps

    def build_stored(self, change: RowChange) -> str:
        return statements.build_stored(change, self.table, self.codecs)

    def build_guarded(self, change: RowChange) -> str:
        return statements.build_guarded(change, self.table, self.codecs)

    def build_exists(self, image: Image) -> str:
        return statements.build_exists(image, self.table, self.codecs)

    def build_key_conditions(self, image: Image) -> list[str]:
        return statements.build_key_conditions(image, self.table, self.codecs)

    def build_now(self, image: Image) -> str:
        return statements.build_now(image, self.table, self.codecs)

    def parse_now(self, row: Sequence[str | bytes | None]) -> Image:
        try:
            return statements.parse_now(row, self.codecs)
        except ValueError as error:
            raise DecodeError(
                f"{self.table.schema_name}.{self.table.name}: its columns now hold values of other types than when its"
                " rows were backed up. Needed: the columns of then. Undo the later change of the table first."
            ) from error

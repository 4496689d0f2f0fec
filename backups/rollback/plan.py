"""Everything that reads and writes one table's row changes, bound once per table map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backups.binlog.events import iterate_rows
from backups.binlog.flavor import Flavor
from backups.binlog.rows import Image, RowChange, Table
from backups.binlog.tables import TableMap, bind_codecs
from backups.rollback import statements


class TablePlan:
    """Decoder and builders of one table as one table map describes it.

    Raises DecodeError or UnknownTypeError when made, so that a plan that exists can read the table's rows.
    """

    def __init__(self, table: Table, table_map: TableMap, flavor: Flavor) -> None:
        self.table = table
        self.table_map = table_map
        self.codecs = bind_codecs(table_map, table, flavor)

    def decode_rows(self, body: bytes, type_code: int) -> Iterator[RowChange]:
        """Yield the changes in a rows event's body (no header, no checksum), in the order they were made."""
        return iterate_rows(body, type_code, self.table_map, self.codecs)

    def build_stored(self, change: RowChange) -> str:
        return statements.build_stored(change, self.table, self.codecs)

    def build_guarded(self, change: RowChange) -> str:
        return statements.build_guarded(change, self.table, self.codecs)

    def build_exists(self, image: Image) -> str:
        return statements.build_exists(image, self.table, self.codecs)

    def build_now(self, image: Image) -> str:
        return statements.build_now(image, self.table, self.codecs)

    def parse_now(self, row: Sequence[str | bytes | None]) -> Image:
        return statements.parse_now(row, self.codecs)

"""One function per (table map, kind of event): the bytes of a rows event in, the stored text of each inverse out.

The source that is compiled holds integers and fixed text only; names of tables and columns are constants beside it.
Whatever the code does not expect raises, and the event goes to the plain decoder, which says what is wrong with it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backups.binlog import comparisons as compare
from backups.binlog.codecs import Codec
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ChangeKind, Table
from backups.binlog.tables import TableMap
from backups.errors import DecodeError
from backups.rollback.fragments import NAMES, Fragment, Wire, find_fragment, find_length_size
from backups.rollback.literals import quote_identifier

BuildInverses = Callable[[bytes, int], list[str]]
"""(body of a rows event with all columns, offset of its rows) to one statement per row; raises UNEXPECTED."""

UNEXPECTED = (IndexError, KeyError, ValueError, OverflowError, OSError, struct.error, DecodeError)


def generate_inverses(
    table: Table, table_map: TableMap, codecs: Sequence[Codec], flavor: Flavor, kind: ChangeKind
) -> BuildInverses | None:
    """Return the function that builds what build_stored makes of the inverse of each row; None for odd tables.

    kind: of the rows events. Columns that the inverse does not name are skipped, not decoded.
    """
    if table.hidden or not any(not column.generated for column in table.columns):
        return None
    return _Generator(table, table_map, codecs, flavor).generate(kind)


@dataclass(slots=True)
class _Generator:
    """The source of one function while it is written.

    Variables of column 3 are a3, b3 and c3; v3 is its literal. Those of an UPDATE's second image end in `image`.
    """

    table: Table
    table_map: TableMap
    codecs: Sequence[Codec]
    flavor: Flavor
    names: dict[str, Any] = field(default_factory=lambda: dict(NAMES))
    lines: list[str] = field(default_factory=list)
    values: dict[int, str] = field(default_factory=dict)
    run: list[tuple[str, list[str]]] = field(default_factory=list)
    after_run: list[str] = field(default_factory=list)
    image: str = ""

    def generate(self, kind: ChangeKind) -> BuildInverses:
        conditions = self.table.primary_key or tuple(self._written())
        if kind is ChangeKind.INSERT:
            self._read_image(conditions)
            statement = self._constant(f"DELETE FROM {self._table_name()}") + self._where(conditions)
        elif kind is ChangeKind.DELETE:
            self._read_image(self._written())
            statement = self._insert()
        else:
            self._read_image(self._written())
            statement = self._update()
            self.image = "_"
            self._read_image(conditions)
            statement += self._where(conditions)
        self.lines.append(f'append(f"{self._join_constants(statement)};")')
        return self._compile()

    def _compile(self) -> BuildInverses:
        head = (
            "def build(body, p):",
            " text = body.decode('latin-1')",
            " find_mark = body.translate(MARKS).find",
            " end = len(body)",
            " found = []",
            " append = found.append",
            " while p < end:",
        )
        tail = (" if p != end: raise ValueError", " return found")
        source = "\n".join((*head, *("  " + line for line in self.lines), *tail))
        exec(compile(source, "<generated>", "exec"), self.names)  # noqa: S102
        build: BuildInverses = self.names["build"]
        return build

    # Reading an image.

    def _read_image(self, wanted: Iterable[int]) -> None:
        """Write the reading of one image; the columns in `wanted` get their literals, the others are skipped."""
        chosen = set(wanted)
        self._read_nulls()
        for position, column in enumerate(self.table.columns):
            meta, code = self.table_map.column_meta[position], self.table_map.column_types[position]
            wire = Wire(position, column, code, meta, self.flavor, self.codecs[position])
            if position in chosen:
                self._read_column(wire)
            else:
                self._skip_column(wire)
        self._end_run()

    def _read_nulls(self) -> None:
        count = len(self.table.columns)
        size = (count + 7) // 8
        expected = sum(1 << index for index in range(count) if not self.table_map.nullable[index])
        check = [f"if n & {expected}: raise ValueError"] if expected else []
        forms = {1: "B", 2: "H", 4: "I", 8: "Q"}
        if size == 3:
            self.run.append(("HB", ["n", "m"]))
            self.after_run += ["n |= m << 16", *check]
        elif size in forms:
            self.run.append((forms[size], ["n"]))
            self.after_run += check
        else:
            self.run.append((f"{size}s", ["n"]))
            self.after_run += ["n = from_bytes(n, 'little')", *check]

    def _end_run(self) -> None:
        """Write one struct call for the columns of fixed size that were gathered, and what is done with them."""
        if self.run:
            form = "<" + "".join(part for part, _ in self.run)
            variables = [name for _, names in self.run for name in names]
            size = struct.calcsize(form)
            if len(variables) == 1 and form in ("<B", f"<{size}s"):
                read = f"{variables[0]} = body[p]" if form == "<B" else f"{variables[0]} = body[p:p + {size}]"
                self.lines.append(read)
            elif variables:
                unpack = f"unpack{len(self.names)}"
                self.names[unpack] = struct.Struct(form).unpack_from
                self.lines.append(f"{', '.join(variables)}, = {unpack}(body, p)")
            self.lines.append(f"p += {size}")
        self.lines += self.after_run
        self.run, self.after_run = [], []

    def _read_column(self, wire: Wire) -> None:
        fragment = find_fragment(wire)
        nullable = self.table_map.nullable[wire.position]
        here = wire.position
        if fragment is None:
            self._read_by_codec(wire, nullable=nullable)
            return
        self.names.update(fragment.names)
        lines = [self._name_variables(line, here) for line in fragment.lines]
        value = self._name_variables(fragment.value, here)
        if fragment.form and not nullable:
            self.run.append((fragment.form, self._variables(fragment, here)))
            self.after_run += lines
            self.values[here] = value
            return
        self._end_run()
        if fragment.form:
            self.run.append((fragment.form, self._variables(fragment, here)))
            start, self.lines = self.lines, []
            self._end_run()
            lines, self.lines = [*self.lines, *lines], start
        else:
            lines = [*self._read_sized(fragment, here), *lines]
        if not nullable:
            self.lines += lines
            self.values[here] = value
            return
        self._unless_null(here, [*lines, self._assign(here, value)], f"{self._literal(here)} = 'NULL'")
        self.values[here] = f"{{{self._literal(here)}}}"

    def _literal(self, here: int) -> str:
        return f"v{here}{self.image}"

    def _assign(self, here: int, value: str) -> str:
        simple = value[1:-1]
        is_simple = value == f"{{{simple}}}" and simple.isidentifier()
        return f"{self._literal(here)} = {simple}" if is_simple else f'{self._literal(here)} = f"{value}"'

    def _read_sized(self, fragment: Fragment, here: int) -> list[str]:
        """Return the lines that take a value behind its length."""
        size = fragment.length_size
        return [f"s = p + {size}", f"q = s + {_length(size)}", f"a{here}{self.image} = {fragment.source}[s:q]", "p = q"]

    def _read_by_codec(self, wire: Wire, *, nullable: bool) -> None:
        here = wire.position
        self._end_run()
        self.names[f"D{here}"] = wire.codec.decode
        literal = self._literal(here)
        read = f"{literal}, p = D{here}(body, p)"
        if nullable:
            self._unless_null(here, [read], f"{literal} = 'NULL'")
        else:
            self.lines.append(read)
        self.values[here] = f"{{{literal}}}"

    def _skip_column(self, wire: Wire) -> None:
        here = wire.position
        fragment = find_fragment(wire)
        length_size = find_length_size(wire)
        if fragment and fragment.form:
            if not self.table_map.nullable[here]:
                self.run.append((f"{fragment.size}x", []))
                return
            skip = f"p += {fragment.size}"
        elif length_size:
            skip = f"p += {length_size} + {_length(length_size)}"
        else:
            self.names[f"D{here}"] = wire.codec.decode
            skip = f"p = D{here}(body, p)[1]"
        self._end_run()
        if self.table_map.nullable[here]:
            self.lines.append(f"if not n & {1 << here}: {skip}")
        else:
            self.lines.append(skip)

    def _unless_null(self, here: int, lines: list[str], otherwise: str) -> None:
        self.lines += [f"if n & {1 << here}: {otherwise}", "else:", *(f"  {line}" for line in lines)]

    def _variables(self, fragment: Fragment, here: int) -> list[str]:
        letters = "".join(letter for letter in fragment.form if letter.isalpha())
        return [f"{'abc'[index]}{here}{self.image}" for index in range(len(letters))]

    def _name_variables(self, text: str, here: int) -> str:
        for mark, letter in (("@0", "a"), ("@1", "b"), ("@2", "c")):
            text = text.replace(mark, f"{letter}{here}{self.image}")
        return text

    # Writing statements, as pieces of an f-string.

    def _written(self) -> list[int]:
        return [index for index, column in enumerate(self.table.columns) if not column.generated]

    def _insert(self) -> str:
        written = self._written()
        names = ",".join(quote_identifier(self.table.columns[index].name) for index in written)
        head = self._constant(f"INSERT INTO {self._table_name()}({names}) VALUES(")
        return f"{head}{','.join(self.values[index] for index in written)})"

    def _update(self) -> str:
        pieces = []
        for number, index in enumerate(self._written()):
            name = quote_identifier(self.table.columns[index].name)
            before = f"UPDATE {self._table_name()} SET " if number == 0 else ", "
            pieces.append(f"{self._constant(f'{before}{name}=')}{self.values[index]}")
        return "".join(pieces)

    def _where(self, positions: Sequence[int]) -> str:
        keyed = bool(self.table.primary_key)
        pieces = []
        for number, here in enumerate(positions):
            pieces.append(self._constant(" AND " if number else " WHERE "))
            pieces.append(self._condition(here, exactly=not keyed))
        return "".join(pieces) + ("" if keyed else " LIMIT 1")

    def _condition(self, here: int, *, exactly: bool) -> str:
        name, codec = quote_identifier(self.table.columns[here].name), self.codecs[here]
        comparison = codec.equals if exactly else codec.key_equals
        nullable = self.table_map.nullable[here]
        if comparison is compare.plain and not nullable:
            return self._constant(f"{name}=") + self.values[here]
        self.names[f"E{here}"], self.names[f"N{here}"] = comparison, name
        self.names[f"Z{here}"] = f"{name} IS NULL"
        literal = self._literal(here)
        self.lines.append(f'{literal} = f"{self.values[here]}"')
        made = f"E{here}(N{here}, {literal})"
        self.lines.append(f"w{here} = Z{here} if n & {1 << here} else {made}" if nullable else f"w{here} = {made}")
        return f"{{w{here}}}"

    def _constant(self, text: str) -> str:
        name = f"K{len(self.names)}"
        self.names[name] = text
        return f"{{{name}}}"

    def _join_constants(self, statement: str) -> str:
        """Return `statement` with neighbouring constants made one."""

        def join(found: re.Match[str]) -> str:
            return self._constant("".join(self.names[name] for name in found[0][1:-1].split("}{")))

        return re.sub(r"(?:\{K\d+\}){2,}", join, statement)

    def _table_name(self) -> str:
        return f"{quote_identifier(self.table.schema_name)}.{quote_identifier(self.table.name)}"


def _length(size: int) -> str:
    """Return the expression of a little-endian length of `size` bytes at p."""
    if size == 1:
        return "body[p]"
    if size == 2:
        return "(body[p] | body[p + 1] << 8)"
    return f"from_bytes(body[p:p + {size}], 'little')"

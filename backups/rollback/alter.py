"""The ALTER TABLE that makes one table definition into another, clause by clause in the server's own words.

It is the inverse of a change when it goes from the table after to the table before. Whether it is right is not decided
here: the proof applies it and compares.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backups.rollback.column_types import lacks_default, parse_type, read_words
from backups.rollback.definitions import COUNTER, PRIMARY, Element, TableDefinition
from backups.rollback.literals import fold_name, quote_identifier

_VISIBILITY = re.compile(r"( /\*!80000 INVISIBLE \*/| IGNORED)\Z")
_FIRST_COLUMN = re.compile(r" FOREIGN KEY \(`((?:[^`]|``)+)`")
_STORED = re.compile(r"\) (?:STORED|PERSISTENT)\b")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`", re.DOTALL)
_RESETS = {
    "ROW_FORMAT": "DEFAULT",
    "COMMENT": "''",
    "KEY_BLOCK_SIZE": "0",
    "STATS_PERSISTENT": "DEFAULT",
    "STATS_AUTO_RECALC": "DEFAULT",
    "STATS_SAMPLE_PAGES": "DEFAULT",
    "CHECKSUM": "0",
    "DELAY_KEY_WRITE": "0",
    "MIN_ROWS": "0",
    "MAX_ROWS": "0",
    "AVG_ROW_LENGTH": "0",
    "PACK_KEYS": "DEFAULT",
    "COMPRESSION": "''",
    "TRANSACTIONAL": "DEFAULT",
    "PAGE_CHECKSUM": "DEFAULT",
}
"""What an option is set to that the table did not name before."""


class NoInverseError(Exception):
    """The definitions differ in something that no ALTER TABLE of ours makes; the text says in what."""


def build_alters(
    now: TableDefinition, wanted: TableDefinition, name: str, renamed: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the statements that make the table `name` from `now` into `wanted`, in the order to run them.

    name: quoted, with its schema. renamed: a column's wanted name to the name it has now, where they differ.
    Raises NoInverseError.
    """
    now, wanted = follow_renames(now.without_counter, renamed), wanted.without_counter
    if now.is_versioned != wanted.is_versioned:
        raise NoInverseError("the history of a system-versioned table is lost with its versioning")
    if now.unread != wanted.unread:
        raise NoInverseError(f"no way back is known for the table option {now.unread or wanted.unread!r}")
    statements, late = list[str](), list[str]()
    own = _find_self_referring(now, wanted)
    if own:
        # MySQL keeps the index that such a key refers to in the statement that drops the key.
        statements.append(", ".join(f"DROP FOREIGN KEY {quote_identifier(key.name)}" for key in own))
        now = replace(now, foreign_keys=tuple(key for key in now.foreign_keys if key not in own))
    clauses = [*_drop_constraints(now, wanted), *_change_indexes(now, wanted, dropping=True)]
    clauses += _change_columns(now, wanted, renamed)
    clauses += _change_indexes(now, wanted, dropping=False)
    for key in find_missing(wanted.foreign_keys, now.foreign_keys):
        # The server takes no new foreign key under a name that the same statement drops.
        (late if any(other.name == key.name for other in now.foreign_keys) else clauses).append(f"ADD {key.text}")
    clauses += [f"ADD {check.text}" for check in _later_checks(now, wanted)[1]]
    clauses += [f"ADD {period.text}" for period in find_missing(wanted.periods, now.periods)]
    options = list(_change_options(dict(now.options), dict(wanted.options)))
    if clauses or options:
        # Without commas between options: DEFAULT CHARSET and COLLATE belong together.
        statements.append(", ".join([*clauses, *([" ".join(options)] if options else [])]))
    if late:
        statements.append(", ".join(late))
    # By itself other partitioning is one step: where rows have no place in it, the table stays as it is.
    if now.partitioning and now.partitioning != wanted.partitioning and (statements or not wanted.partitioning):
        statements.insert(0, "REMOVE PARTITIONING")
    if wanted.partitioning and now.partitioning != wanted.partitioning:
        statements.append(wanted.partitioning)
    there = {column.name: column for column in now.columns}
    changed = [column for column in wanted.columns if there.get(column.name) != column or statements]
    return (
        *(f"ALTER TABLE {name} {statement};" for statement in statements),
        *build_default_drops(changed, name),
    )


def build_default_drops(columns: Iterable[Element], name: str) -> tuple[str, ...]:
    """Return the statement that takes the default NULL from those of `columns` that do not have even that."""
    clauses = [
        f"ALTER COLUMN {quote_identifier(column.name)} DROP DEFAULT" for column in columns if lacks_default(column)
    ]
    return (f"ALTER TABLE {name} {', '.join(clauses)};",) if clauses else ()


def find_missing(wanted: Iterable[Element], there: Iterable[Element]) -> list[Element]:
    """Return the elements of `wanted` that are not in `there`."""
    found = set(there)
    return [element for element in wanted if element not in found]


def _find_self_referring(now: TableDefinition, wanted: TableDefinition) -> list[Element]:
    """Return the foreign keys to drop that refer to their own table, where an index is to be dropped besides."""
    gone = find_missing(now.foreign_keys, wanted.foreign_keys)
    reference = f" REFERENCES {quote_identifier(now.name)} ("
    return [key for key in gone if reference in key.text] if find_missing(now.indexes, wanted.indexes) else []


def _drop_constraints(now: TableDefinition, wanted: TableDefinition) -> Iterator[str]:
    for key in find_missing(now.foreign_keys, wanted.foreign_keys):
        yield f"DROP FOREIGN KEY {quote_identifier(key.name)}"
    for check in _later_checks(now, wanted)[0]:
        yield f"DROP CONSTRAINT {quote_identifier(check.name)}"
    for period in find_missing(now.periods, wanted.periods):
        yield f"DROP PERIOD FOR {period.name if period.name == 'SYSTEM_TIME' else quote_identifier(period.name)}"


def _later_checks(now: TableDefinition, wanted: TableDefinition) -> tuple[list[Element], list[Element]]:
    """Return the checks to drop and those to add: what is added stands behind what stays."""
    kept = _common_start(now.checks, wanted.checks)
    return find_missing(now.checks, kept), find_missing(wanted.checks, kept)


def _common_start(now: Sequence[Element], wanted: Sequence[Element]) -> list[Element]:
    """Return the longest beginning of `wanted` whose elements are in `now`, in the same order."""
    kept, place = list[Element](), 0
    for element in wanted:
        if element not in now[place:]:
            break
        place = now.index(element, place) + 1
        kept.append(element)
    return kept


def _change_indexes(now: TableDefinition, wanted: TableDefinition, *, dropping: bool) -> Iterator[str]:
    """Drop, or make, the indexes that differ. The server sorts them by class and keeps the order inside of a class."""
    for index_class in (("PRIMARY",), ("UNIQUE",), ("FULLTEXT",), ("PLAIN", "SPATIAL", "VECTOR")):
        mine = [_hide(index) for index in now.indexes if index.kind in index_class]
        theirs = [_hide(index) for index in wanted.indexes if index.kind in index_class]
        kept = _common_start(mine, theirs)
        unstable = [number for number, index in enumerate(kept) if index.name in _owners_of_indexes(now, wanted)]
        kept = kept[: unstable[0]] if unstable else kept
        if dict(now.options).get("KEY_BLOCK_SIZE") != dict(wanted.options).get("KEY_BLOCK_SIZE"):
            kept = []  # MariaDB gives indexes that stay the table's old size as their own
        for index in find_missing(mine, kept) if dropping else find_missing(theirs, kept):
            if not dropping:
                yield f"ADD {_find(wanted.indexes, index.name).text}"
            elif index.kind == PRIMARY:
                yield "DROP PRIMARY KEY"
            else:
                yield f"DROP INDEX {quote_identifier(index.name)}"
        if not dropping:
            for index in kept:
                yield from _change_visibility(_find(now.indexes, index.name), _find(wanted.indexes, index.name))


def _owners_of_indexes(now: TableDefinition, wanted: TableDefinition) -> set[str]:
    """Return names of indexes that the server made for foreign keys: it replaces them when such a key is added.

    One that the same statement adds by name stays.
    """
    if not find_missing(wanted.foreign_keys, now.foreign_keys):
        return set()
    # Without a name of its own the index of a key is called like its first column.
    columns = {match[1].replace("``", "`") for key in wanted.foreign_keys if (match := _FIRST_COLUMN.search(key.text))}
    return {key.name for key in wanted.foreign_keys} | columns


def _find(elements: Iterable[Element], name: str) -> Element:
    return next(element for element in elements if element.name == name)


def _hide(index: Element) -> Element:
    """Return the index without its visibility, which changes by itself."""
    return replace(index, text=_VISIBILITY.sub("", index.text))


def _change_visibility(now: Element, wanted: Element) -> Iterator[str]:
    if now.text == wanted.text:
        return
    suffix = _VISIBILITY.search(wanted.text) or _VISIBILITY.search(now.text)
    assert suffix is not None
    hidden, shown = ("IGNORED", "NOT IGNORED") if suffix[1] == " IGNORED" else ("INVISIBLE", "VISIBLE")
    yield f"ALTER INDEX {quote_identifier(wanted.name)} {hidden if _VISIBILITY.search(wanted.text) else shown}"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A wanted column and what it is now; None when it has to be added."""

    wanted: Element
    now: Element | None

    @property
    def has_other_storage(self) -> bool:
        """VIRTUAL is not changed into STORED or a plain column, nor back: the column is made anew."""
        return self.now is not None and _is_virtual(self.now) != _is_virtual(self.wanted)

    @property
    def follows_table(self) -> bool:
        """A column of characters that names no character set: its text stays the same when the table's changes."""
        found = parse_type(self.wanted, "of the table")
        return found is not None and found.charset == "of the table"


def _change_columns(now: TableDefinition, wanted: TableDefinition, renamed: Mapping[str, str]) -> Iterator[str]:
    found = find_counterparts(now.columns, wanted.columns, renamed)
    pairs = [_Pair(column, found.get(column.name)) for column in wanted.columns]
    pairs = [_Pair(pair.wanted, None) if pair.has_other_storage else pair for pair in pairs]
    used = {pair.now.name for pair in pairs if pair.now is not None}
    for column in now.columns:
        if column.name not in used:
            yield f"DROP COLUMN {quote_identifier(column.name)}"
    places = {column.name: place for place, column in enumerate(now.columns)}
    staying = _choose_staying([places[pair.now.name] if pair.now is not None else -1 for pair in pairs])
    is_charset_changed = _charset_of(now) != _charset_of(wanted)
    for number, pair in enumerate(pairs):
        position = f" AFTER {quote_identifier(pairs[number - 1].wanted.name)}" if number else " FIRST"
        if pair.now is None:
            yield f"ADD COLUMN {pair.wanted.text}{position}"
        elif number not in staying:
            yield f"CHANGE COLUMN {quote_identifier(pair.now.name)} {pair.wanted.text}{position}"
        elif pair.now != pair.wanted or (is_charset_changed and pair.follows_table):
            yield f"CHANGE COLUMN {quote_identifier(pair.now.name)} {pair.wanted.text}"


def _charset_of(table: TableDefinition) -> tuple[str | None, str | None]:
    options = dict(table.options)
    return options.get("CHARSET"), options.get("COLLATE")


def find_counterparts(
    now: Iterable[Element], wanted: Iterable[Element], renamed: Mapping[str, str]
) -> dict[str, Element]:
    """Return for each wanted column, by name, what it is now; those that are gone are missing.

    renamed: wanted name to name now. The server compares the names of columns without case.
    """
    there = {fold_name(column.name): column for column in now}
    new_names = {fold_name(old): fold_name(new) for old, new in renamed.items()}
    found = {}
    for column in wanted:
        name = fold_name(column.name)
        is_taken = name not in new_names and name in new_names.values()
        if not is_taken and (counterpart := there.get(new_names.get(name, name))) is not None:
            found[column.name] = counterpart
    return found


def _is_virtual(column: Element) -> bool:
    words = read_words(column)
    return "GENERATED ALWAYS AS" in words and _STORED.search(words) is None


def follow_renames(table: TableDefinition, renamed: Mapping[str, str]) -> TableDefinition:
    """Return the table as its other clauses read when its columns have their wanted names: the server sees to that."""
    names = {fold_name(now): wanted for wanted, now in renamed.items()}
    if not names:
        return table
    # A column that came in the place of a renamed one is another, whatever is on it.
    taken = {fold_name(wanted) for wanted in renamed}
    for column in table.columns:
        if (name := fold_name(column.name)) in taken and name not in names:
            names[name] = f"{column.name} (new)"

    def follow(element: Element) -> Element:
        head, found, rest = element.text.partition("(")
        own, reference, referenced = rest.partition(" REFERENCES ") if "FOREIGN KEY" in head else (rest, "", "")
        if referenced.startswith(f"{quote_identifier(table.name)} "):
            referenced = _rename_identifiers(referenced, names, skip=1)
        return replace(element, text=head + found + _rename_identifiers(own, names) + reference + referenced)

    return replace(
        table,
        indexes=tuple(map(follow, table.indexes)),
        foreign_keys=tuple(map(follow, table.foreign_keys)),
        checks=tuple(map(follow, table.checks)),
        partitioning=_rename_identifiers(table.partitioning, names),
    )


def _rename_identifiers(text: str, names: Mapping[str, str], *, skip: int = 0) -> str:
    """Return `text` with other names in backticks, outside of strings. skip: names to leave as they are first."""
    left = skip

    def change(match: re.Match[str]) -> str:
        nonlocal left
        if not match[0].startswith("`"):
            return match[0]
        left -= 1
        wanted = names.get(fold_name(match[0][1:-1].replace("``", "`")))
        return match[0] if left >= 0 or wanted is None else quote_identifier(wanted)

    return _QUOTED.sub(change, text)


def _choose_staying(places: Sequence[int]) -> set[int]:
    """Return the indexes of the most columns that can stay where they are; places: where each is now, -1 for new."""
    tails, ends, before = list[int](), list[int](), dict[int, int]()
    for number, place in enumerate(places):
        if place < 0:
            continue
        length = bisect_left(tails, place)
        before[number] = ends[length - 1] if length else -1
        tails[length : length + 1], ends[length : length + 1] = [place], [number]
    staying, number = set[int](), ends[-1] if ends else -1
    while number >= 0:
        staying.add(number)
        number = before[number]
    return staying


def _change_options(now: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    if (now.get("CHARSET"), now.get("COLLATE")) != (wanted.get("CHARSET"), wanted.get("COLLATE")):
        collation = f" COLLATE={wanted['COLLATE']}" if "COLLATE" in wanted else ""
        yield f"DEFAULT CHARSET={wanted['CHARSET']}{collation}"
    for name in dict.fromkeys([*wanted, *now]):
        if name in ("CHARSET", "COLLATE", COUNTER) or now.get(name) == wanted.get(name):
            continue
        if name in wanted:
            yield f"{name}={wanted[name]}" if name != "TABLESPACE" else f"TABLESPACE {wanted[name]}"
        elif name in _RESETS:
            yield f"{name}={_RESETS[name]}"
        elif name.startswith("`"):
            yield f"{name}=DEFAULT"
        else:
            raise NoInverseError(f"no way back is known for the table option {name}")

"""The statements of a rollback that give a table back the values, or the rows, that were copied out of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace

from backups.rollback import kept_partitions, kept_values
from backups.rollback.alter import NoInverseError, build_alters, find_counterparts
from backups.rollback.column_types import parse_type
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.interim import build_interim
from backups.rollback.kept import UNLOCK, KeptTable, build_lock, build_look
from backups.rollback.kept_values import Guarded
from backups.rollback.literals import quote_identifier


def describe_guards(
    kept: KeptTable,
    before: TableDefinition,
    after: TableDefinition,
    narrowed: Iterable[str],
    renamed: Mapping[str, str],
) -> tuple[tuple[kept_values.Guarded, ...], dict[str, str]]:
    """Return the kept columns that lost something, and the key's columns to their names after the change.

    narrowed: names before, of all columns of the table whose new type may not hold every value. renamed: name before to
    name after, where they differ. Raises NoInverseError when a column of the key is gone.
    """
    counterparts = find_counterparts(after.columns, before.columns, renamed)
    if gone := [column for column in kept.key if column not in counterparts]:
        raise NoInverseError(f"the key by which values were kept lost its column {gone[0]}")
    lost = [name for name in narrowed if name in kept.changed]
    guarded = kept_values.find_guarded(kept, lost, counterparts, after)
    return guarded, {column: counterparts[column].name for column in kept.key}


def bring_values_back(
    kept: KeptTable,
    now: TableDefinition,
    wanted: TableDefinition,
    narrowed: Iterable[str],
    renamed: Mapping[str, str],
) -> Iterator[str]:
    """Yield what makes the table as it was and gives it its values back, under a lock; what it demands comes last.

    What becomes of guarded values in an ALTER is of no interest, but only of these: the other columns get their types
    back first, in a strict session.
    """
    guarded, key = describe_guards(kept, wanted, now, narrowed, renamed)
    dropped = [column for column in kept.columns if column not in kept.changed]
    changed = [one.name for one in guarded]
    is_lax = any(one.guard for one in guarded)
    middle = _retype_others(now, wanted, {one.now.name for one in guarded}, renamed) if is_lax else now
    interim = build_interim(middle, wanted, [*dropped, *changed], renamed)
    aim = wanted if interim is None else _without_indexes_of(interim, wanted, changed)
    aim = _without_unique_of(aim, guarded)
    yield build_look(kept)
    yield build_lock(kept)
    if changed:
        yield kept_values.build_mark(kept, guarded, now, key)
        yield kept_values.build_conflicts(kept, key)
    if dropped and interim is not None:
        yield kept_values.build_look_at_rows(kept, key)
    yield from build_alters(now, middle, kept.name, {})
    begin, end = kept_values.build_lax(kept, key) if is_lax else ("", "")
    yield from filter(None, (begin, *build_alters(middle, aim, kept.name, renamed), end))
    if dropped:
        yield kept_values.build_copy_back(kept, dropped, aim, marked=False)
    if changed:
        yield kept_values.build_copy_back(kept, changed, aim, marked=True)
    # MySQL makes no foreign key under a lock that does not hold its parent too.
    is_free = aim.foreign_keys != wanted.foreign_keys
    yield from (UNLOCK,) if is_free else ()
    yield from build_alters(aim, wanted, kept.name, {})
    yield from () if is_free else (UNLOCK,)
    yield kept_values.build_done(kept)


def bring_rows_back(kept: KeptTable, now: TableDefinition, wanted: TableDefinition) -> Iterator[str]:
    """Yield what gives a table its partitions back, and the rows of these."""
    yield build_look(kept)
    yield build_lock(kept)
    yield from kept_partitions.build_places(kept, kept_partitions.list_unique(wanted) or ())
    yield from build_alters(now, wanted, kept.name, {})
    yield kept_partitions.build_rows_back(kept)
    yield UNLOCK
    yield kept_values.build_done(kept)


def _without_indexes_of(interim: TableDefinition, wanted: TableDefinition, columns: Sequence[str]) -> TableDefinition:
    """Leave out indexes on `columns` that `wanted` does not have so: under the old types they may be none."""
    return replace(
        interim,
        indexes=tuple(index for index in interim.indexes if index in wanted.indexes or not index.names_any(columns)),
    )


def _without_unique_of(aim: TableDefinition, guarded: Sequence[Guarded]) -> TableDefinition:
    """Leave out unique indexes that the values may break on their way: what was a year is no date, so all are the same.

    Of columns that keep their kind of type no two are the same on the way, but of what is calculated from them; and
    periods overlap while one has its values and the next has not.
    """
    columns = {column.name: column for column in aim.columns}
    bases = {one.name: (parse_type(one.now, ""), parse_type(columns[one.name], "")) for one in guarded}
    broken = [name for name, (now, then) in bases.items() if not now or not then or now.base != then.base]
    broken += [
        column.name
        for column in aim.columns
        if (kind := parse_type(column, "")) is not None
        and kind.is_generated
        and any(quote_identifier(one.name) in column.text for one in guarded)
    ]
    return replace(
        aim,
        indexes=tuple(
            index
            for index in aim.indexes
            if index.kind != "UNIQUE"
            or not ((guarded and " WITHOUT OVERLAPS" in index.text) or index.names_any(broken))
        ),
    )


def _retype_others(
    now: TableDefinition, wanted: TableDefinition, guarded: Set[str], renamed: Mapping[str, str]
) -> TableDefinition:
    """Return `now` with the wanted types of all columns that are not guarded, and the wanted character set."""
    counterparts = find_counterparts(now.columns, wanted.columns, renamed)
    wanted_of = {counterparts[column.name].name: column for column in wanted.columns if column.name in counterparts}
    old, new = dict(now.options), dict(wanted.options)
    characters = ("CHARSET", "COLLATE")
    options = [pair for pair in now.options if pair[0] not in characters]
    options += [(name, new[name]) for name in characters if name in new]

    def retype(column: Element) -> Element:
        aim = wanted_of.get(column.name)
        if aim is None or column.name in guarded:
            return column
        kinds = parse_type(column, old.get("CHARSET", "")), parse_type(aim, new.get("CHARSET", ""))
        if kinds[0] == kinds[1] or any(kind is None or kind.is_generated for kind in kinds):
            return column
        return replace(column, text=quote_identifier(column.name) + aim.text[len(quote_identifier(aim.name)) :])

    return replace(now, columns=tuple(map(retype, now.columns)), options=tuple(options))

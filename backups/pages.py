"""Pages of a list that go by key: no total, no offset, so that the millionth row costs what the first does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in the order of the list. forward, back: the key to go on from; None at that end of the list."""

    items: list[Item]
    forward: str | None = None
    back: str | None = None


@dataclass(slots=True)
class Cursors:
    """Where a page begins: after `forward` or before `back`, as keys of the list; neither is the first page."""

    forward: str = ""
    back: str = ""
    convert: Callable[[str], Any] = field(default=str)


def read_page(rows: QuerySet[Row], key: str, cursors: Cursors, size: int) -> Page[Row]:
    """Return one page of `rows` by descending `key`."""
    if cursors.back:
        found = list(rows.filter(**{f"{key}__gt": cursors.convert(cursors.back)}).order_by(key)[: size + 1])
        more, items = len(found) > size, found[:size][::-1]
        return Page(items, _key(items[-1:], key), _key(items[:1], key) if more else None)
    if cursors.forward:
        rows = rows.filter(**{f"{key}__lt": cursors.convert(cursors.forward)})
    found = list(rows.order_by(f"-{key}")[: size + 1])
    items = found[:size]
    return Page(
        items,
        _key(items[-1:], key) if len(found) > size else None,
        _key(items[:1], key) if cursors.forward else None,
    )


def _key(items: Sequence[Model], key: str) -> str | None:
    return str(getattr(items[0], key)) if items else None

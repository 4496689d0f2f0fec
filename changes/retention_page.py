"""What the pages of retention show: what is kept where and until when, and what a purge would take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from backups.models import BackupSchema
from changes.errors import ChangeError
from changes.models import Target, Ticket
from changes.retention import (
    Item,
    KeptOnTarget,
    Kind,
    StoredSchema,
    count_stored,
    find_expired,
    read_backup_sizes,
    read_kept,
    with_sizes,
)

SHOWN_ON_TARGET = 50
MOST_AT_ONCE = 500
"""Backups on one page of a purge, oldest first; the next page has the next ones."""


@dataclass(frozen=True, slots=True)
class Line:
    """An item as a row of a table. loss: what nobody can do any more without it, "" for nothing."""

    item: Item
    is_expired: bool
    loss: str


@dataclass(frozen=True, slots=True)
class Section:
    """One target. lines: what is set aside there, at most SHOWN_ON_TARGET. more: how many are not shown."""

    target: Target
    kept: KeptOnTarget
    lines: tuple[Line, ...]
    more: int
    schemas: tuple[StoredSchema, ...]
    expired_count: int

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.schemas or self.kept.trouble or self.kept.strangers)


def build_retention() -> dict[str, Any]:
    """Return the context of the page. A server that does not answer is named, and the others are shown."""
    now = timezone.now()
    chosen = list(Target.objects.all())
    kept = read_kept(chosen)
    sizes, trouble = _read_sizes()
    sections = [_build_section(target, kept[target.pk], sizes, now) for target in chosen]
    schemas = [schema for section in sections for schema in section.schemas]
    items = [item for section in sections for item in section.kept.items]
    return {
        "sections": sections,
        "trouble": trouble,
        "kept_count": len(items),
        "kept_bytes": sum(item.size_bytes or 0 for item in items),
        "backup_bytes": None if trouble else sum(schema.size_bytes or 0 for schema in schemas),
        "schema_count": len(schemas),
        "statement_count": sum(schema.statement_count for schema in schemas),
        "expired_count": sum(section.expired_count for section in sections),
        "unread": sum(bool(section.kept.trouble) for section in sections),
    }


def _read_sizes() -> tuple[dict[str, int], str]:
    names = list(BackupSchema.objects.values_list("name", flat=True))
    if not names:
        return {}, ""
    try:
        return read_backup_sizes(names), ""
    except ChangeError as error:
        return {}, str(error)


def _build_section(target: Target, kept: KeptOnTarget, sizes: dict[str, int], now: datetime) -> Section:
    schemas = tuple(count_stored(target, now, sizes))
    expired = sum(item.is_expired(now) for item in kept.items) + sum(schema.expired_count for schema in schemas)
    lines = tuple(_build_line(item, now) for item in kept.items[:SHOWN_ON_TARGET])
    return Section(target, kept, lines, len(kept.items) - len(lines), schemas, expired)


def _build_line(item: Item, now: datetime) -> Line:
    return Line(item, item.is_expired(now), _describe_loss(item))


def _describe_loss(item: Item) -> str:
    if not item.is_needed:
        return ""
    if item.ticket.is_rollback:
        return "that rollback could not be rolled back itself"
    return "its rollback"


def build_purge(chosen: Sequence[Target]) -> dict[str, Any]:
    """Return the context of the page that shows what a purge would take, and what it would leave alone."""
    now = timezone.now()
    found, troubles = find_expired(chosen, now, limit=MOST_AT_ONCE)
    backups, trouble = with_sizes([item for item in found if item.kind is Kind.BACKUP])
    items = [item for item in found if item.kind is Kind.KEPT] + backups
    free = [item for item in items if not item.obstacle]
    groups: dict[Target, list[Line]] = defaultdict(list)
    for item in free:
        groups[item.ticket.target].append(_build_line(item, now))
    # A ticket that loses its rollback is named once, whatever of it goes.
    losing: dict[int, Ticket] = {item.ticket.pk: item.ticket for item in free if item.is_needed}
    return {
        "groups": sorted(groups.items(), key=lambda group: group[0].name),
        "left": [item for item in items if item.obstacle],
        "losing": [losing[key] for key in sorted(losing)],
        "troubles": [*troubles, *([trouble] if trouble else [])],
        "count": len(free),
        "kept_bytes": sum(item.size_bytes or 0 for item in free if item.kind is Kind.KEPT),
        "is_cut": len(backups) >= MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
    }

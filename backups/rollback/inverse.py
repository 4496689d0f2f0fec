"""The change that undoes a change."""

from __future__ import annotations

from dataclasses import replace

from backups.binlog.rows import ChangeKind, RowChange

_INVERSE = {
    ChangeKind.INSERT: ChangeKind.DELETE,
    ChangeKind.UPDATE: ChangeKind.UPDATE,
    ChangeKind.DELETE: ChangeKind.INSERT,
}


def invert(change: RowChange) -> RowChange:
    """Return the change that undoes `change`. invert(invert(c)) == c."""
    return replace(change, kind=_INVERSE[change.kind], before=change.after, after=change.before)

"""The id of this installation, by which it tells its own marks on a server from those of another.

Tickets and executions are counted from 1 in every installation. Whatever is named after one on a target or on the
backup server (markers, locks, tables, schemas) bears this id too. It is never cached: the application database may be
restored, or be given a new id, under a process that runs.
"""

from __future__ import annotations

import secrets

from changes.models import Installation


def own_id() -> str:
    """Return the id, 8 hex digits; made when there is none, and the same for all who ask at that moment."""
    return Installation.objects.get_or_create(pk=Installation.ONLY, defaults={"short_id": make_id()})[0].short_id


def make_id() -> str:
    return secrets.token_hex(4)

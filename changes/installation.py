"""The id of this installation, by which it tells its own marks on a server from those of another.

Tickets and executions are counted from 1 in every installation. Whatever is named after one on a target or on the
backup server (markers, locks, tables, schemas) bears this id too. It is never cached: the application database may be
restored, or be given a new id, under a process that runs.
"""

from __future__ import annotations

import secrets

from django.db import transaction
from django.db.models import Q

from changes.errors import TicketStateError
from changes.models import Execution, Installation, Ticket
from changes.states import ACTIVE, ExecutionState, RollbackState, TicketState

_UNDER_WAY = (ExecutionState.QUEUED, ExecutionState.RUNNING, ExecutionState.UNKNOWN)


def own_id() -> str:
    """Return the id, 8 hex digits; made when there is none, and the same for all who ask at that moment."""
    return Installation.objects.get_or_create(pk=Installation.ONLY, defaults={"short_id": _make_id()})[0].short_id


def renew_id() -> tuple[str, str]:
    """Give this installation another id, for a copy of another's database; return the old one and the new one.

    What was claimed until now keeps the old one. Raises TicketStateError while a ticket is under way: it may be the
    other's, which nobody here may look for, or end, under its name.
    """
    with transaction.atomic():
        old = own_id()
        is_active = Q(state__in=(*ACTIVE, TicketState.UNKNOWN)) | Q(rollback_state=RollbackState.RUNNING)
        is_active |= Q(pk__in=Execution.objects.filter(state__in=_UNDER_WAY).values("ticket"))
        under_way = list(Ticket.objects.filter(is_active).order_by("pk").values_list("pk", flat=True)[:10])
        if under_way:
            numbers = ", ".join(f"#{number}" for number in under_way)
            raise TicketStateError(
                f"Found tickets under way: {numbers}. Needed: none that is queued, runs, is rolled back or is unknown."
                " In a copy, let them become unknown without access to their targets, and decide them; see"
                " docs/production.md, A copy of an installation."
            )
        new = _make_id()
        Installation.objects.filter(pk=Installation.ONLY).update(short_id=new)
    return old, new


def _make_id() -> str:
    return secrets.token_hex(4)

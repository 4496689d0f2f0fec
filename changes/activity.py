"""Moves of a ticket: a filtered UPDATE whose count is read, and its Activity row, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from changes.errors import TicketStateError
from changes.models import Activity, Ticket
from changes.states import ALLOWED_MOVES, TicketState

logger = logging.getLogger(__name__)


def note(ticket: Ticket, verb: str, *, by: User | None, text: str = "") -> None:
    """Write that something happened which moved no state."""
    Activity.objects.create(ticket=ticket, actor=by, verb=verb, text=text)


def move(
    ticket: Ticket,
    new: TicketState,
    *,
    by: User | None,
    verb: str,
    text: str = "",
    only_from: Iterable[TicketState] | None = None,
    **fields: Any,
) -> None:
    """Move `ticket` to `new` and write who did it; `fields` are written in the same UPDATE.

    The ticket may have been moved by somebody else since it was read: then nothing is written.
    Raises TicketStateError.
    """
    sources = set(only_from) if only_from is not None else {old for old, to in ALLOWED_MOVES.items() if new in to}
    with transaction.atomic():
        old = Ticket.objects.select_for_update().filter(pk=ticket.pk).values_list("state", flat=True).first()
        if old is None or TicketState(old) not in sources or new not in ALLOWED_MOVES[TicketState(old)]:
            words = (old or "gone").replace("_", " ")
            raise TicketStateError(f"Ticket #{ticket.pk} is {words} now; somebody was faster. Reload the page.")
        changed = Ticket.objects.filter(pk=ticket.pk, state=old).update(
            state=new.value, updated_at=timezone.now(), **fields
        )
        if changed != 1:
            raise TicketStateError(f"Ticket #{ticket.pk} was moved by somebody else; reload the page.")
        Activity.objects.create(ticket=ticket, actor=by, verb=verb, from_state=old, to_state=new.value, text=text)
    ticket.refresh_from_db()
    logger.info("ticket=%s state=%s verb=%s", ticket.pk, new.value, verb)

"""What the tests of pages share: the cast, a ticket, a finished run of it, and a browser without a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import Outcome
from tests.changes.people import make_person, make_target, make_ticket

SECRET = "s3cr3t of the target"


def make_run(ticket: Ticket, *, state: str = "succeeded", backup: str = "complete", **fields: Any) -> Execution:
    """Give `ticket` an execution of one statement that is over, without a server."""
    now = timezone.now()
    execution = Execution.objects.create(
        ticket=ticket, number=1, state=state, content_hash=ticket.content_hash, started_at=now, finished_at=now
    )
    values = {
        "sql": ticket.sql,
        "kind": "UPDATE",
        "outcome": Outcome.DONE,
        "backup_state": backup,
        "affected_rows": 1234,
        "rows_captured": 1234,
        "records_stored": 1234,
        "rows_archived": 1234,
        "opid_time": "1_2_00000000",
        "backup_schema": "h_3306_shop",
        "backup_table": "product",
        **fields,
    }
    ExecutedStatement.objects.create(execution=execution, seq=0, sql_sha256="0" * 64, **values)
    Ticket.objects.filter(pk=ticket.pk).update(state=state, backup_state=backup)
    ticket.refresh_from_db()
    return execution


def make_unfinished(
    ticket: Ticket, outcomes: Sequence[str], *, state: str = "running", backup: str = "none", **fields: Any
) -> list[ExecutedStatement]:
    """Give `ticket` an execution that is not over, with one statement for each of `outcomes`, without a server."""
    now = timezone.now()
    ticket_state = fields.pop("ticket_state", state)
    execution_fields = {"one_transaction": False, "connection_id": 17, "server_version": "10.11.19-MariaDB"}
    execution_fields |= {"installation": "0badf00d", **fields}
    execution = Execution.objects.create(
        ticket=ticket, number=1, state=state, content_hash=ticket.content_hash, started_at=now, **execution_fields
    )
    Ticket.objects.filter(pk=ticket.pk).update(state=ticket_state, backup_state=backup)
    ticket.refresh_from_db()
    sent = {"intent_at": now, "start_file": "bin.000004", "start_position": 1234, "thread_id": 17}
    return [
        ExecutedStatement.objects.create(
            execution=execution,
            seq=seq,
            sql=f"UPDATE product SET price = {seq}",
            sql_sha256="0" * 64,
            kind="UPDATE",
            outcome=outcome,
            **(sent if outcome not in (Outcome.WAITING, Outcome.NOT_RUN) else {}),
        )
        for seq, outcome in enumerate(outcomes)
    ]


class PageTestCase(TestCase):
    def setUp(self) -> None:
        self.ann, self.ben, self.cy = make_person("ann"), make_person("ben"), make_person("cy")
        self.dan, self.dana = make_person("dan"), make_person("dana")
        self.target = make_target()
        self.target.set_password(SECRET)
        self.target.save()
        self.ticket = make_ticket(self.target)
        bell = patch("changes.jobs.ring")
        bell.start()
        self.addCleanup(bell.stop)

    def look(self, person: User | None, name: str, *args: Any, query: str = "") -> HttpResponse:
        client = Client()
        if person is not None:
            client.force_login(person)
        return client.get(reverse(f"admin:{name}", args=args) + query)  # type: ignore[return-value]

    def post(self, person: User, name: str, ticket: Ticket | None = None, **data: Any) -> HttpResponse:
        client = Client()
        client.force_login(person)
        url = reverse(f"admin:changes_ticket_{name}", args=[(ticket or self.ticket).pk])
        return client.post(url, data)  # type: ignore[return-value]

    def said(self, response: Any) -> str:
        return " ".join(str(message) for message in get_messages(response.wsgi_request))

    def state_of(self, ticket: Ticket) -> str:
        ticket.refresh_from_db()
        return ticket.state

    def page(self, person: User, ticket: Ticket | None = None) -> str:
        response = self.look(person, "changes_ticket_change", (ticket or self.ticket).pk)
        assert response.status_code == 200
        return response.content.decode()

    def count_queries(self, person: User, url: str) -> int:
        client = Client()
        client.force_login(person)
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        return len(queries)

"""A whole installation around one real server: its target row, and tickets that run without a browser or a queue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from django.conf import settings

from changes import actions, execution
from changes.models import Execution, Target, Ticket
from tests.changes.people import make_fields, make_person
from tests.live.own_rows import query
from tests.servers import Server


def point_at(backup_server: Server, config: Any) -> Any:
    """Return `config` with its backup server replaced by the one of the test run."""
    inc = replace(
        config.inc,
        backup_host=backup_server.host,
        backup_port=backup_server.port,
        backup_user=backup_server.user,
        backup_password=backup_server.password,
        backup_tls="disabled",
    )
    return replace(config, inc=inc, site=replace(config.site, allow_unreviewed_cli=True))


def prove_on(server: Server, config: Any) -> Any:
    """Return `config` with `server` as the one where rollbacks of schema changes are tried."""
    proof = replace(config.proof, host=server.host, port=server.port, user=server.user, password=server.password)
    return replace(config, proof=proof)


def register(server: Server, name: str = "target", **fields: Any) -> Target:
    """Return the target row of a real server."""
    target = Target.objects.create(
        name=name,
        host=server.host,
        port=server.port,
        user=server.user,
        tls_mode="disabled",
        environment="test",
        **fields,
    )
    target.set_password(server.password)
    target.save()
    return target


@contextlib.contextmanager
def open_installation(server: Server, schema: str, tables: Iterable[str], **policies: Any) -> Iterator[Installation]:
    """Make the tables in `schema`; nobody rings a worker there. policies: fields of the target."""
    with contextlib.closing(server.connect(database=schema)) as connection:
        for sql in tables:
            query(connection, sql)
    with patch("changes.jobs.ring"):
        yield Installation(server, schema, register(server, **policies))


@dataclass
class Installation:
    """Ann submits, Ben approves, the worker is this process."""

    server: Server
    schema: str
    target: Target

    def run(self, sql: str, **fields: Any) -> Execution:
        """Take `sql` the whole way: submit, approve by another person, execute, capture.

        Ann ticks that what cannot be undone may be lost, unless `fields` say otherwise.
        """
        fields.setdefault("accepts_loss", True)
        assert settings.INCEPTION.inc.backup_tls == "disabled"
        ticket = actions.create_ticket(
            make_fields(self.target, sql=sql, schema_name=self.schema, **fields), by=make_person("ann")
        )
        actions.submit(ticket, by=make_person("ann"))
        actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
        return self.work(ticket)

    def roll_back(self, ticket: Ticket, *numbers: int, on_conflict: str = "stop", reason: str = "") -> Execution:
        """Roll back as a DBA does with one click. numbers: of statements, from 0."""
        ticket.refresh_from_db()
        undo = actions.roll_back(
            ticket, by=make_person("dana"), plan=actions.RollbackPlan(numbers, on_conflict), reason=reason
        )
        return self.work(undo)

    def work(self, ticket: Ticket) -> Execution:
        queued = ticket.executions.get(state="queued")
        done = execution.run(queued.pk)
        assert done is not None
        done.ticket.refresh_from_db()
        return done

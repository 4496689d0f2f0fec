"""`manage.py seed_demo`: people, the shop as a target, and two tickets. Only scripts/demo calls it."""

from __future__ import annotations

import logging
import os
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from changes import actions
from changes.actions import TicketFields
from changes.models import Target, Ticket
from inception_site.demo.people import PEOPLE
from inception_site.demo.shop import SCHEMA

TARGET = "shop-demo"


class Example(NamedTuple):
    title: str
    reason: str
    sql: str
    approved: bool


EXAMPLES = (
    Example(
        title="Correct the country code of British customers",
        reason="The import of March wrote UK; the code is GB, and the tax report leaves these customers out.",
        sql="UPDATE customers SET country = 'GB' WHERE country = 'UK';\n",
        approved=False,
    ),
    Example(
        title="Raise garden prices by 5 %",
        reason="Agreed with purchasing for the new season.",
        sql=(
            "UPDATE products SET price = ROUND(price * 1.05, 2) WHERE category = 'garden';\n\n"
            "UPDATE products SET labels = CONCAT_WS(',', NULLIF(labels, ''), 'new')\n"
            " WHERE category = 'garden' AND stock > 400;\n"
        ),
        approved=True,
    ),
)


class Command(BaseCommand):
    help = "Fill the application database of the demo (environment: DEMO_PASSWORD_… as scripts/demo sets them)."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--server-port", type=int, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        logging.disable(logging.INFO)  # the welcome tells what was made
        if settings.INCEPTION.site.mode != "local":
            raise CommandError("This makes people with known passwords; it runs in mode local only.")
        people = {name: self._make_person(name, group) for name, group, _ in PEOPLE}
        call_command(
            "add_target",
            TARGET,
            host="127.0.0.1",
            port=options["server_port"],
            user="inception_target",
            password_env="DEMO_PASSWORD_TARGET",  # noqa: S106  the name of a variable
            environment=Target.Environment.TEST,
            tls=Target.TlsMode.DISABLED,
            verbosity=0,
            stdout=self.stdout,
        )
        if not Ticket.objects.exists():
            self._make_tickets(ann=people["ann"], ben=people["ben"])

    def _make_person(self, name: str, group: str) -> User:
        person, _ = User.objects.get_or_create(username=name, defaults={"first_name": name.capitalize()})
        person.is_staff = True  # the pages are an admin site
        person.is_superuser = group == "DBAs"
        password = os.environ[f"DEMO_PASSWORD_{name.upper()}"]
        if not person.check_password(password):
            person.set_password(password)
        person.save()
        person.groups.set([Group.objects.get(name=group)])
        return person

    def _make_tickets(self, *, ann: User, ben: User) -> None:
        """One that waits for Ben, and one that he has approved: a worker runs it at once."""
        target = Target.objects.get(name=TARGET)
        for example in EXAMPLES:
            fields = TicketFields(example.title, target, SCHEMA, example.sql, reason=example.reason)
            ticket = actions.create_ticket(fields, by=ann)
            actions.submit(ticket, by=ann)
            if example.approved:
                ticket.refresh_from_db()
                actions.approve(ticket, by=ben, content_hash=ticket.content_hash, comment="Agreed in the meeting.")

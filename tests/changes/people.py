"""The cast of every permission test: Ann submits, Ben approves, Cy looks, Dan is a stranger; Dana is the DBA."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import Group, User

from changes import actions
from changes.groups import make_groups
from changes.inspection import InspectedStatement, Inspection
from changes.models import Target, Ticket
from changes.problems import Problem

GROUP_OF = {"ann": "Submitters", "ben": "Approvers", "cy": "Viewers", "dana": "DBAs", "dan": None}


def make_person(name: str, **fields: Any) -> User:
    """Return the user, made on first use and put in the group of the cast."""
    make_groups()
    user, created = User.objects.get_or_create(username=name, defaults={"is_staff": True, **fields})
    if created:
        user.set_password("correct horse battery")
        user.save()
        if group := GROUP_OF.get(name):
            user.groups.add(Group.objects.get(name=group))
    return user


def make_target(**fields: Any) -> Target:
    values = {"name": "shop-test", "host": "127.0.0.1", "port": 3307, "user": "inception", **fields}
    return Target.objects.create(**values)


def inspected(sql: str = "UPDATE product SET price = 1", problems: tuple[Problem, ...] = ()) -> Inspection:
    """Return what an inspection of one row change finds, without a server."""
    statement = InspectedStatement(0, sql, "UPDATE", 1, "shop", "product", (), "can be undone row by row", "rows")
    return Inspection(problems, (statement,), "MariaDB 10.11.19")


def patch_inspection(problems: tuple[Problem, ...] = ()) -> Any:
    """Stand in for the connection to the target: every ticket is one UPDATE with these findings."""
    return patch("changes.inspection.inspect", side_effect=lambda ticket: inspected(ticket.sql, problems))


def make_fields(target: Target, **fields: Any) -> actions.TicketFields:
    values = {
        "title": "Reprice",
        "target": target,
        "schema_name": "shop",
        "sql": "UPDATE product SET price = 1",
        **fields,
    }
    return actions.TicketFields(**values)


def make_ticket(
    target: Target | None = None, *, submitted: bool = True, by: User | None = None, **fields: Any
) -> Ticket:
    """Return a ticket of Ann's, in review unless `submitted` is False."""
    by = by or make_person("ann")
    with patch_inspection():
        ticket = actions.create_ticket(make_fields(target or make_target(), **fields), by=by)
        if submitted:
            actions.submit(ticket, by=by)
    return ticket

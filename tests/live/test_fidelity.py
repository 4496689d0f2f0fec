"""It puts every hard case back exactly, or says before, or stops with nothing changed: never anything else.

The cases are tests/fidelity/cases/; scripts/fidelity runs them beside two other ways and writes docs/fidelity.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import override_settings

from tests.conftest import require_server
from tests.fidelity.cases import Case, Verdict, cases_of
from tests.fidelity.product import judge
from tests.fidelity.runner import Bench, open_bench, settings_of
from tests.live.installation import point_at
from tests.servers import NEWER_MARIADB, Server, Servers, named_servers, server_names

pytestmark = pytest.mark.live

ONLY_ON_NEWER = (
    "type_vector",
    "table_versioned",
    "table_periods",
    "foreign_",
    "type_inet",
    "type_uuid",
    "type_json_text",
)
"""What may differ between two MariaDBs; all other cases run on the older one here, on both by scripts/fidelity."""


def list_runs() -> list[Any]:
    names = list(dict.fromkeys([*server_names(), NEWER_MARIADB]))
    return [
        pytest.param(name, case, id=f"{name}-{case}")
        for name in names
        for case in cases_of(name)
        if name != NEWER_MARIADB or case.file.startswith(ONLY_ON_NEWER)
    ]


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest,
    servers: Servers,
    backup_server: Server,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Bench]:
    """One server's bench for all of its cases: emptying the application database between them would take longer."""
    server = require_server(servers, request.param)
    pointed = override_settings(INCEPTION=point_at(backup_server, django_settings.INCEPTION))
    with django_db_blocker.unblock(), pointed, open_bench(server, backup_server) as made:
        yield made
        call_command("flush", verbosity=0, interactive=False)


@pytest.mark.parametrize(("bench", "case"), list_runs(), indirect=["bench"])
def test_it_comes_back(bench: Bench, case: Case) -> None:
    if case.settings and named_servers():
        pytest.skip("sets global variables, and the servers of TEST_SERVERS belong to others too")
    name = bench.server.name
    with settings_of(case, bench.server):
        judged = judge(case, bench.place, bench.connection, by_hand=True)
    assert judged.verdict in {case.expected(name), case.today(name), Verdict.EXACT}, judged
    assert not judged.by_hand, judged

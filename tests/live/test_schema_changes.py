"""Schema changes come back exactly, or what is lost was said before approval; and what was proven holds.

All cases of tests/fidelity/schema_cases/ are run by scripts/fidelity; here are those that mix rows and tables, and
random ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import override_settings
from hypothesis import HealthCheck, event, given, settings

from tests.conftest import require_server
from tests.fidelity.cases import Case, Verdict
from tests.fidelity.runner import Bench, open_bench
from tests.fidelity.schema_part import run_schema_case, schema_cases_of
from tests.live.installation import point_at
from tests.live.random_tables import random_cases
from tests.servers import Server, Servers, server_names

pytestmark = pytest.mark.live
FILES = ("ansi_quotes", "mixed", "names", "triggers", "views")
EXAMPLES = int(os.environ.get("RANDOM_SCHEMA_CHANGES", "12"))
"""On each server."""


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest,
    servers: Servers,
    backup_server: Server,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Bench]:
    server = require_server(servers, request.param)
    pointed = override_settings(INCEPTION=point_at(backup_server, django_settings.INCEPTION))
    with django_db_blocker.unblock(), pointed, open_bench(server, backup_server, schema="fidelity") as made:
        yield made
        call_command("flush", verbosity=0, interactive=False)


@pytest.mark.parametrize(
    ("bench", "case"),
    [
        pytest.param(name, case, id=f"{name}-{case}")
        for name in server_names()
        for case in schema_cases_of(name)
        if case.file in FILES
    ],
    indirect=["bench"],
)
def test_it_comes_back(bench: Bench, case: Case) -> None:
    result = run_schema_case(bench, case)
    assert not result.problem, result


@pytest.mark.parametrize("bench", server_names(), indirect=True)
@given(case=random_cases())
@settings(
    max_examples=EXAMPLES,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_random_change_comes_back_or_was_announced(bench: Bench, case: Case) -> None:
    result = run_schema_case(bench, case)
    event(f"{result.verdict}, {result.proof or 'nothing ran'}")
    assert result.verdict != Verdict.WRONG, (case, result)
    assert not result.is_broken_proof, (case, result)
    assert not result.by_hand, (case, result)

"""The command behind scripts/fidelity."""

from __future__ import annotations

import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from django.test.utils import override_settings, setup_databases, setup_test_environment, teardown_databases

from tests.fidelity import report, schema_part
from tests.fidelity.cases import Case, cases_of
from tests.fidelity.flashback import run_flashback
from tests.fidelity.naive import run_naive
from tests.fidelity.product import judge
from tests.fidelity.report import CaseResult, ServerResult
from tests.fidelity.runner import Bench, open_bench, settings_of
from tests.live.installation import point_at
from tests.servers import MARIADB, MYSQL, NEWER_MARIADB, Server, Servers

NAMES = (MARIADB, NEWER_MARIADB, MYSQL)


def main() -> int:
    parser = ArgumentParser(prog="scripts/fidelity", description="Hard cases: changed, rolled back, compared.")
    parser.add_argument("--server", action="append", choices=NAMES, help="may be given more than once; all by default")
    parser.add_argument(
        "--part", choices=("rows", "schema"), help="row changes or schema changes only; both by default"
    )
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--no-replay", action="store_true", help="schema changes: leave out the replay by hand")
    parser.add_argument("--only-ours", action="store_true", help="leave out the naive way and mariadb-binlog")
    parser.add_argument("--write", action="store_true", help="write docs/fidelity.md from the last whole run of each")
    chosen = parser.parse_args()
    results, changes = list[ServerResult](), list[schema_part.SchemaServer]()
    running = Servers()
    try:
        with application():
            backup_server = running.start(MARIADB)
            for name in chosen.server or NAMES:
                server = backup_server if name == MARIADB else running.start(name)
                if chosen.part != "schema":
                    results.append(run_server(server, backup_server, chosen.case, alone=chosen.only_ours))
                    print(report.build_summary(results[-1]))
                    if not chosen.case and not chosen.only_ours:
                        report.save(results[-1])
                if chosen.part != "rows":
                    changes.append(run_schema(server, backup_server, chosen.case, by_hand=not chosen.no_replay))
                    print(schema_part.build_summary(changes[-1]))
                    if not chosen.case:
                        schema_part.save(changes[-1])
    finally:
        running.stop()
        shutil.rmtree(settings.INCEPTION.site.data_folder, ignore_errors=True)
    if chosen.write:
        if chosen.part != "schema":
            report.write(report.load())
        if chosen.part != "rows":
            schema_part.write(schema_part.load())
        print(f"written: {report.DOCUMENT}")
    return 1 if any(result.faults for result in (*results, *changes)) else 0


@contextmanager
def application() -> Iterator[None]:
    """An application database with its tables, gone afterwards."""
    setup_test_environment()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        state = setup_databases(verbosity=0, interactive=False, aliases={"default"}, serialized_aliases=set())
        yield
        teardown_databases(state, verbosity=0)


def run_server(server: Server, backup_server: Server, part: str, *, alone: bool) -> ServerResult:
    point_alias(backup_server)
    began = time.monotonic()
    results = []
    cases = [case for case in cases_of(server.name) if part in str(case)]
    with (
        override_settings(INCEPTION=point_at(backup_server, settings.INCEPTION)),
        open_bench(server, backup_server) as bench,
    ):
        for number, case in enumerate(cases, start=1):
            results.append(run_case(bench, case, alone=alone))
            show(server.name, number, len(cases), results[-1])
    return ServerResult(server.name, str(server.flavor), tuple(results), time.monotonic() - began)


def run_schema(server: Server, backup_server: Server, part: str, *, by_hand: bool) -> schema_part.SchemaServer:
    point_alias(backup_server)
    with (
        override_settings(INCEPTION=point_at(backup_server, settings.INCEPTION)),
        open_bench(server, backup_server) as bench,
    ):
        return schema_part.run_schema_part(bench, part, by_hand=by_hand)


def point_alias(backup_server: Server) -> None:
    found = connections.settings["backup"]
    found.update(
        HOST=backup_server.host, PORT=backup_server.port, USER=backup_server.user, PASSWORD=backup_server.password
    )
    connections["backup"].close()


def run_case(bench: Bench, case: Case, *, alone: bool) -> CaseResult:
    name = bench.server.name
    with settings_of(case, bench.server):
        judged = judge(case, bench.place, bench.connection, by_hand=True)
        naive = flashback = None
        if not alone:
            naive = run_naive(case, bench)
            flashback = run_flashback(case, bench) if bench.server.flavor.is_mariadb else None
    return CaseResult(
        name=str(case),
        title=case.title,
        verdict=judged.verdict,
        detail=judged.detail,
        by_hand=judged.by_hand,
        expected=case.expected(name),
        accepted=case.today(name),
        naive=naive,
        flashback=flashback,
    )


def show(server: str, number: int, count: int, result: CaseResult) -> None:
    """One line for what is not as it should be; a counter for the rest."""
    if result.is_fault or result.verdict != result.expected or result.by_hand:
        words: Any = f"{result.verdict} (expected {result.expected}) {result.detail}"
        if result.by_hand:
            words += f" BY HAND: {result.by_hand}"
        print(f"{server} {result.name}: {words}"[:700], file=sys.stderr)
    elif sys.stderr.isatty():
        print(f"{server} {number}/{count}\r", end="", file=sys.stderr)

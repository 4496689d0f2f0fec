"""The schema part of scripts/fidelity: schema changes, alone and between row changes, proven, run and rolled back.

The cases are tests/fidelity/schema_cases/. Besides the verdict of a case its proof counts: one that said "proven" and
whose rollback then was not exact is the worst that can happen here.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from changes.errors import CheckFailedError
from changes.models import Ticket
from changes.states import ExecutionState, Outcome
from tests.fidelity.cases import Case, Verdict, parse_file
from tests.fidelity.product import BY_HAND, NEEDED_MODES, has_records, replay, roll_back
from tests.fidelity.runner import Bench, settings_of
from tests.fidelity.tables import make_again, read_state
from tests.servers import ROOT

FOLDER = Path(__file__).resolve().parent / "schema_cases"
KEPT = ROOT / "var" / "fidelity-schema"
DOCUMENT = ROOT / "docs" / "fidelity.md"
BEGIN, END = "<!-- schema changes: begin -->", "<!-- schema changes: end -->"
NOT_RUN = "the server refused it"
COMMAND = "scripts/fidelity --part schema --write"


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """proof: what the ticket said before approval of its schema changes, the worst of them.

    problem: "" when the case is as it has to be.
    """

    name: str
    title: str
    verdict: Verdict
    proof: str
    detail: str
    expected: Verdict
    by_hand: str | None
    problem: str = ""

    @property
    def is_broken_proof(self) -> bool:
        return self.proof == "proven" and self.verdict != Verdict.EXACT


@dataclass(frozen=True, slots=True)
class SchemaServer:
    name: str
    version: str
    cases: tuple[SchemaResult, ...]
    seconds: float

    @property
    def faults(self) -> list[SchemaResult]:
        return [case for case in self.cases if case.problem]


@cache
def load_schema_cases() -> tuple[Case, ...]:
    return tuple(
        case for path in sorted(FOLDER.glob("*.sql")) for case in parse_file(path.stem, path.read_text("utf-8"))
    )


def schema_cases_of(server: str) -> list[Case]:
    return [case for case in load_schema_cases() if case.runs_on(server)]


def run_schema_part(bench: Bench, part: str, *, by_hand: bool) -> SchemaServer:
    """Run the cases whose name holds `part`. by_hand: replay the stored text too."""
    began = time.monotonic()
    results = []
    for case in schema_cases_of(bench.server.name):
        if part in str(case):
            results.append(run_schema_case(bench, case, by_hand=by_hand))
            if results[-1].problem:
                print(f"{bench.server.name} {case}: {results[-1].problem}"[:900], file=sys.stderr)
    return SchemaServer(bench.server.name, str(bench.server.flavor), tuple(results), time.monotonic() - began)


def run_schema_case(bench: Bench, case: Case, *, by_hand: bool = True) -> SchemaResult:
    place, name = bench.place, bench.server.name
    with settings_of(case, bench.server):
        make_again(bench.connection, place.schema, case.make_on(name))
        before = read_state(bench.connection, place.schema)
        try:
            ran = place.run(case.sql)
        except CheckFailedError as error:
            return _result(case, name, Verdict.REFUSED, "", str(error), None, "")
        proof = proof_of(ran.ticket)
        judged = roll_back(place, ran, before, bench.connection)
        failed = [statement.error for statement in ran.statements.all() if statement.outcome == Outcome.FAILED]
        replayed = None
        if by_hand and (judged.verdict == Verdict.EXACT or BY_HAND in judged.detail) and has_records(ran):
            make_again(bench.connection, place.schema, case.make_on(name))
            # Definitions are the server's own words: a backslash in a string is two, and a default may be ''.
            modes = f"{NEEDED_MODES},ANSI_QUOTES"
            replayed = replay(place.run(case.sql), place, bench.connection, before, modes=modes)
    problem = f"{NOT_RUN}: {failed}"
    if failed and not case.name.startswith("fails"):
        return _result(case, name, judged.verdict, proof, judged.detail, replayed, problem)
    if not failed and ran.state != ExecutionState.SUCCEEDED:
        return _result(case, name, judged.verdict, proof, judged.detail, replayed, f"{ran.state}: {ran.error}")
    return _result(case, name, judged.verdict, proof, judged.detail, replayed, "")


def proof_of(ticket: Ticket) -> str:
    """Return the worst of what the ticket says of its schema changes: proven, unproven or lost."""
    states = {entry["undo_state"] for entry in ticket.inspection["statements"]}
    return "lost" if "none" in states else "unproven" if "unproven" in states else "proven"


def _result(
    case: Case, server: str, verdict: Verdict, proof: str, detail: str, by_hand: str | None, problem: str
) -> SchemaResult:
    expected = {case.expected(server), case.today(server)}
    if not problem and verdict not in expected and verdict != Verdict.EXACT:
        problem = f"{verdict}, not {case.expected(server)}: {detail}"
    if not problem and by_hand:
        problem = f"replayed by hand: {by_hand}"
    if not problem and proof == "proven" and verdict != Verdict.EXACT and case.today(server) is None:
        problem = f"it was proven and is {verdict}: {detail}"
    return SchemaResult(str(case), case.title, verdict, proof, detail, case.expected(server), by_hand, problem)


def build_summary(result: SchemaServer) -> str:
    """Return the counts for the screen."""
    verdicts = Counter(case.verdict for case in result.cases)
    proofs = Counter(case.proof for case in result.cases)
    broken = [case.name for case in result.cases if case.is_broken_proof]
    lines = [
        f"{result.version}: {len(result.cases)} schema changes in {result.seconds:.0f} s",
        "  " + "  ".join(f"{verdict} {verdicts[verdict]}" for verdict in Verdict),
        f"  proven {proofs['proven']}  not proven {proofs['unproven']}  lost {proofs['lost']}"
        f"  proven and then not exact {len(broken)} {', '.join(broken)}".rstrip(),
    ]
    lines += [f"  NOT AS EXPECTED {case.name}: {case.problem}"[:300] for case in result.faults]
    return "\n".join(lines)


def save(result: SchemaServer) -> None:
    """Keep a whole run until the document is written; a later one of the same server replaces it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{result.name}.json").write_text(json.dumps(asdict(result)), "utf-8")


def load() -> list[SchemaServer]:
    """Return the last whole run of each server, without cases that it no longer has or does not run at all."""
    return [_parse(json.loads(path.read_text("utf-8"))) for path in sorted(KEPT.glob("*.json"))]


def _parse(entry: dict[str, Any]) -> SchemaServer:
    names = {str(case) for case in schema_cases_of(entry["name"])}
    cases = tuple(
        SchemaResult(
            **{**case, "verdict": Verdict(case["verdict"]), "expected": Verdict(case["expected"])},
        )
        for case in entry["cases"]
        if case["name"] in names and not case["problem"].startswith(NOT_RUN)
    )
    return SchemaServer(entry["name"], entry["version"], cases, entry["seconds"])


def write(results: Sequence[SchemaServer]) -> None:
    """Put the section into the document, in the place of the last one; the rest stays as it is."""
    DOCUMENT.write_text(insert_section(DOCUMENT.read_text("utf-8"), build_section(results)), "utf-8")


def find_section(document: str) -> str:
    """Return the section with its marks, "" when the document has none."""
    begin, end = document.find(BEGIN), document.find(END)
    return document[begin : end + len(END)] if 0 <= begin < end else ""


def insert_section(document: str, section: str) -> str:
    old = find_section(document)
    return document.replace(old, section) if old else f"{document.rstrip()}\n\n{section}\n"


def build_section(results: Sequence[SchemaServer]) -> str:
    names = [result.name for result in results]
    lines = [
        BEGIN,
        "## Schema changes",
        "",
        "Cases of `tests/fidelity/schema_cases/`, with rows in every table. A ticket of schema changes, alone or",
        "between row changes, is checked (with its proof on a scratch schema), approved, run and rolled back; then",
        "`SHOW CREATE TABLE` and all data must equal what was before. Where there are records it runs once more",
        f"and is undone by the stored text alone. Written by `{COMMAND}`.",
        "",
        "| server | cases | exact | warned | stopped | refused | **wrong** | proven | not proven | said to be lost"
        " | **proven, then not exact** |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        verdicts = Counter(case.verdict for case in result.cases)
        proofs = Counter(case.proof for case in result.cases)
        broken = sum(case.is_broken_proof for case in result.cases)
        lines.append(
            f"| {result.version} | {len(result.cases)} | {verdicts[Verdict.EXACT]} | {verdicts[Verdict.WARNED]}"
            f" | {verdicts[Verdict.STOPPED]} | {verdicts[Verdict.REFUSED]} | **{verdicts[Verdict.WRONG]}**"
            f" | {proofs['proven']} | {proofs['unproven']} | {proofs['lost']} | **{broken}** |"
        )
    replayed = [
        f"{result.version}: {sum(case.by_hand == '' for case in result.cases)} of"
        f" {sum(case.by_hand is not None for case in result.cases)}"
        for result in results
    ]
    lines += ["", f"Replays of the stored text that were exact: {'; '.join(replayed)}.", "", "Verdict, proof:", ""]
    lines += [f"| case | {' | '.join(names)} | why |", "|---|" + "---|" * (len(names) + 1)]
    lines += [_build_row(name, cases, names) for name, cases in _by_case(results).items()]
    return "\n".join([*lines, "", END])


def _by_case(results: Sequence[SchemaServer]) -> dict[str, dict[str, SchemaResult]]:
    found: dict[str, dict[str, SchemaResult]] = {}
    for result in results:
        for case in result.cases:
            found.setdefault(case.name, {})[result.name] = case
    return dict(sorted(found.items()))


def _build_row(name: str, cases: dict[str, SchemaResult], names: Sequence[str]) -> str:
    cells = [f"{cases[server].verdict}, {cases[server].proof or '-'}" if server in cases else "" for server in names]
    why = next((case.detail for case in cases.values() if case.verdict != Verdict.EXACT), "")
    text = " ".join(why.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return f"| `{name}` | {' | '.join(cells)} | {text if len(text) <= 160 else text[:159] + '…'} |"

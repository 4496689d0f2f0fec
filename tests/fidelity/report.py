"""Results as a table, on the screen and in docs/fidelity.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.fidelity import schema_part
from tests.fidelity.cases import Verdict
from tests.fidelity.others import Ending, OtherWay
from tests.servers import ROOT

DOCUMENT = ROOT / "docs" / "fidelity.md"
KEPT = ROOT / "var" / "fidelity"
COMMAND = "scripts/fidelity --write"

INTRODUCTION = f"""# Fidelity

What becomes of hard cases, on real servers. Each case is a file in `tests/fidelity/cases/`: tables are made, a ticket
goes its whole way (checked, approved, executed, captured), is rolled back with one click, and then every table must be
equal to what it was: each column by HEX, and `SHOW CREATE TABLE`. Where rows were kept, the ticket runs once more and
is undone by the stored text alone, replayed by hand in the session that `docs/limitations.md` names.

Written by `{COMMAND}`, which starts the servers it needs; `scripts/fidelity --server mariadb10.11` shows one.

- **exact**: every table equals itself.
- **refused**: before anything ran, with the reason.
- **warned**: the approver was told before approval that it would not come back whole.
- **stopped**: the rollback found, or the ticket says in red, that it cannot be whole; the rollback changed nothing.
- **wrong**: anything else. It has to be 0.

Beside it, the same cases by two other ways. *Naive* is what most tools do: values of the library pymysqlreplication
made into literals by the driver, rows found by primary key or else by all columns with `LIMIT 1`, last change first, in
a session as the server gives it; it is given full row metadata and only its own transaction. *Flashback* is
`mariadb-binlog --flashback | mariadb`. For both, *wrong* means silently wrong: no error, and other data than before.
*Not run*: a ticket of schema changes only, a statement that fails outside of the product too, or a missing tool.

An AUTO_INCREMENT counter or a sequence that stays higher is not counted as a difference.
"""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """expected: the verdict it is to have; accepted: one that is accepted until that is built."""

    name: str
    title: str
    verdict: Verdict
    detail: str
    by_hand: str | None
    expected: Verdict
    accepted: Verdict | None
    naive: OtherWay | None
    flashback: OtherWay | None

    @property
    def is_fault(self) -> bool:
        return self.verdict not in (self.expected, self.accepted, Verdict.EXACT) or self.verdict == Verdict.WRONG

    @property
    def could_be_better(self) -> bool:
        return self.expected == Verdict.EXACT and self.verdict != Verdict.EXACT


@dataclass(frozen=True, slots=True)
class ServerResult:
    name: str
    version: str
    cases: tuple[CaseResult, ...]
    seconds: float

    @property
    def faults(self) -> list[CaseResult]:
        return [case for case in self.cases if case.is_fault or case.by_hand]


def build_summary(result: ServerResult) -> str:
    """Return the counts for the screen."""
    ours = Counter(case.verdict for case in result.cases)
    lines = [
        f"{result.version}: {len(result.cases)} cases in {result.seconds:.0f} s",
        "  ours       " + "  ".join(f"{verdict} {ours[verdict]}" for verdict in Verdict),
        f"  by hand    {_count_by_hand(result.cases)}",
    ]
    for name in ("naive", "flashback"):
        endings = Counter(way.ending for case in result.cases if (way := getattr(case, name)) is not None)
        if endings:
            lines.append(f"  {name:<10} " + "  ".join(f"{ending} {endings[ending]}" for ending in Ending))
    better = [case.name for case in result.cases if case.could_be_better]
    if better:
        lines.append("  could be exact: " + ", ".join(better))
    for case in result.faults:
        lines.append(f"  NOT AS EXPECTED {case.name}: {case.verdict} {case.detail or case.by_hand}"[:300])
    return "\n".join(lines)


def _count_by_hand(cases: Iterable[CaseResult]) -> str:
    replayed = [case for case in cases if case.by_hand is not None]
    return f"{sum(not case.by_hand for case in replayed)} of {len(replayed)} replays of the stored text exact"


def save(result: ServerResult) -> None:
    """Keep a whole run until the document is written; a later one of the same server replaces it."""
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{result.name}.json").write_text(json.dumps(asdict(result)), "utf-8")


def load() -> list[ServerResult]:
    """Return the last whole run of each server."""
    return [_parse(json.loads(path.read_text("utf-8"))) for path in sorted(KEPT.glob("*.json"))]


def _parse(entry: dict[str, Any]) -> ServerResult:
    cases = tuple(_parse_case(case) for case in entry["cases"])
    return ServerResult(entry["name"], entry["version"], cases, entry["seconds"])


def _parse_case(entry: dict[str, Any]) -> CaseResult:
    ways = {
        name: OtherWay(Ending(way["ending"]), way["detail"]) if (way := entry[name]) else None
        for name in ("naive", "flashback")
    }
    accepted = Verdict(entry["accepted"]) if entry["accepted"] else None
    verdicts = {"verdict": Verdict(entry["verdict"]), "expected": Verdict(entry["expected"]), "accepted": accepted}
    return CaseResult(**{**entry, **ways, **verdicts})


def write(results: Sequence[ServerResult]) -> None:
    """Write the part of the row changes; the section of the schema changes stays as it is."""
    section = schema_part.find_section(DOCUMENT.read_text("utf-8")) if DOCUMENT.exists() else ""
    document = build_document(results)
    DOCUMENT.write_text(schema_part.insert_section(document, section) if section else document, "utf-8")


def build_document(results: Sequence[ServerResult]) -> str:
    parts = [INTRODUCTION, _build_counts(results)]
    parts.append("## Where the naive way is silently wrong\n\nOurs, and the naive way's result, per server.\n")
    parts.append(_build_list(results, "naive"))
    parts.append("## Where --flashback is silently wrong\n")
    parts.append(_build_list(results, "flashback"))
    parts.append("## Where ours is not exact\n")
    parts.append(_build_not_exact(results))
    parts.append("## All cases\n")
    parts.append(_build_all(results))
    return "\n".join(parts)


def _build_counts(results: Sequence[ServerResult]) -> str:
    lines = [
        "| server | way | cases | exact | refused | warned | stopped or error | not run | **wrong** |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        ours = Counter(case.verdict for case in result.cases)
        lines.append(
            f"| {result.version} | **Inception** | {len(result.cases)} | {ours[Verdict.EXACT]}"
            f" | {ours[Verdict.REFUSED]} | {ours[Verdict.WARNED]} | {ours[Verdict.STOPPED]} |"
            f" | **{ours[Verdict.WRONG]}** |"
        )
        for name in ("naive", "flashback"):
            ways = [way for case in result.cases if (way := getattr(case, name)) is not None]
            if not ways:
                continue
            endings = Counter(way.ending for way in ways)
            lines.append(
                f"| | {name} | {len(ways)} | {endings[Ending.EXACT]} | | | {endings[Ending.ERROR]}"
                f" | {endings[Ending.NOT_RUN]} | **{endings[Ending.WRONG]}** |"
            )
    replays = [f"{result.version}: {_count_by_hand(result.cases)}" for result in results]
    return "\n".join([*lines, "", "Replayed by hand: " + "; ".join(replays) + ".", ""])


def _by_case(results: Sequence[ServerResult]) -> dict[str, dict[str, CaseResult]]:
    found: dict[str, dict[str, CaseResult]] = {}
    for result in results:
        for case in result.cases:
            found.setdefault(case.name, {})[result.name] = case
    return dict(sorted(found.items()))


def _build_list(results: Sequence[ServerResult], way: str) -> str:
    names = [result.name for result in results]
    lines = [f"| case | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for name, cases in _by_case(results).items():
        endings = {server: getattr(case, way) for server, case in cases.items()}
        if any(found is not None and found.ending == Ending.WRONG for found in endings.values()):
            cells = [
                f"{cases[server].verdict}; {endings[server].ending}" if endings.get(server) is not None else ""
                for server in names
            ]
            title = next(iter(cases.values())).title
            lines.append(f"| `{name}` {_escape(title)} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _build_not_exact(results: Sequence[ServerResult]) -> str:
    names = [result.name for result in results]
    lines = [f"| case | {' | '.join(names)} | why |", "|---|" + "---|" * (len(names) + 1)]
    for name, cases in _by_case(results).items():
        if all(case.verdict == Verdict.EXACT for case in cases.values()):
            continue
        cells = [str(cases[server].verdict) if server in cases else "" for server in names]
        why = next(case.detail for case in cases.values() if case.verdict != Verdict.EXACT)
        lines.append(f"| `{name}` | {' | '.join(cells)} | {_escape(why)} |")
    return "\n".join([*lines, ""])


def _build_all(results: Sequence[ServerResult]) -> str:
    names = [result.name for result in results]
    lines = ["Ours / naive / flashback.", "", f"| case | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for name, cases in _by_case(results).items():
        cells = [_build_cell(cases[server]) if server in cases else "" for server in names]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _build_cell(case: CaseResult) -> str:
    ways = [str(way.ending) for way in (case.naive, case.flashback) if way is not None]
    return " / ".join([str(case.verdict), *ways])


def _escape(text: str) -> str:
    """Return `text` as it can stand in a cell: one line, not too long, no markup."""
    line = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return line if len(line) <= 220 else line[:219] + "…"

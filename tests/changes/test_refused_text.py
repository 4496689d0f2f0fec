"""Every ticket that its text alone refuses, with the words the user sees: tests/fixtures/refused/{sql,statement}_*/."""

from __future__ import annotations

from pathlib import Path

import pytest

from changes.statements import check_statements

REFUSED = Path(__file__).parent.parent / "fixtures" / "refused"
CASES = sorted(path.name for path in REFUSED.iterdir() if path.name.startswith(("sql_", "statement_")))
MAX_BYTES = 4096


@pytest.mark.parametrize("case", CASES)
def test_it_says_why_the_ticket_is_refused(case: str) -> None:
    ticket = (REFUSED / case / "ticket.sql").read_bytes()
    result = check_statements(ticket, "shop", MAX_BYTES)
    said = [line for problem in result.errors for line in (problem.found, problem.needed, problem.how)]
    assert said == (REFUSED / case / "message.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("case", CASES)
def test_the_name_of_the_case_is_the_problem(case: str) -> None:
    result = check_statements((REFUSED / case / "ticket.sql").read_bytes(), "shop", MAX_BYTES)
    assert any(problem.id.split(".")[0] == case.split("_")[0] for problem in result.errors)

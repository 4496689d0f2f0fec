"""Each part of docs/fidelity.md is written by itself, and leaves the other as it is."""

from __future__ import annotations

from tests.fidelity.cases import Verdict
from tests.fidelity.schema_part import SchemaResult, SchemaServer, build_section, find_section, insert_section

RESULT = SchemaResult("columns/add", "columns", Verdict.EXACT, "proven", "", Verdict.EXACT, "")
BROKEN = SchemaResult("columns/drop | x", "columns", Verdict.STOPPED, "proven", "a `b` | c", Verdict.EXACT, None)


def test_a_section_is_put_in_once_and_replaced_after_that() -> None:
    first = build_section([SchemaServer("mysql9.7", "MySQL 9.7.4", (RESULT,), 1.0)])
    second = build_section([SchemaServer("mysql9.7", "MySQL 9.7.4", (RESULT, BROKEN), 1.0)])
    document = insert_section("# Fidelity\n\nrows\n", first)
    assert document.startswith("# Fidelity\n\nrows\n\n")
    assert find_section(document) == first
    assert insert_section(document, second) == document.replace(first, second)
    assert find_section("# Fidelity") == ""


def test_a_broken_proof_is_counted() -> None:
    section = build_section([SchemaServer("mysql9.7", "MySQL 9.7.4", (RESULT, BROKEN), 1.0)])
    assert "| MySQL 9.7.4 | 2 | 1 | 0 | 1 | 0 | **0** | 2 | 0 | 0 | **1** |" in section
    assert "a 'b' \\| c" in section

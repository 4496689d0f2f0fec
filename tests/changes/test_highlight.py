from __future__ import annotations

import re

from django.utils.html import strip_tags

from changes.highlight import REINDENT_LIMIT, highlight_sql, reindent

LONG = (
    "UPDATE product SET "
    + ", ".join(f"column_{n} = 'value {n}'" for n in range(20))
    + " WHERE id = 1 AND name <> '<b>'"
)


def test_every_character_is_kept_and_escaped() -> None:
    text = highlight_sql("UPDATE t SET a = '<script>' -- \u65e5\u672c\n")
    assert "<script>" not in text
    assert strip_tags(text).replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'") == (
        "UPDATE t SET a = '<script>' -- \u65e5\u672c\n"
    )


def test_a_long_line_is_shown_in_lines_with_the_same_words() -> None:
    lines = reindent(LONG)
    assert len(lines.splitlines()) > 10
    assert re.sub(r"\s+", "", lines) == re.sub(r"\s+", "", LONG)


def test_a_short_statement_is_left_as_it_is() -> None:
    assert reindent("DELETE FROM t WHERE id = 1") == ""


def test_what_is_too_long_to_be_taken_apart_is_left_as_it_is() -> None:
    assert reindent("x" * (REINDENT_LIMIT + 1)) == ""

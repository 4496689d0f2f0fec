"""The same SQL for another schema: every name qualified with the old schema gets the new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backups.rollback.literals import quote_identifier
from changes.lexer import Token, TokenKind, tokenize


def requalify_all(
    text: str, schemas: Mapping[str, str], *, ansi_quotes: bool = False, no_backslash_escapes: bool = False
) -> str:
    """Return `text` with every schema of `schemas` (old to new) called by its new name, as `requalify` does.

    The schema of CREATE, ALTER and DROP DATABASE too. No new name may be an old one. Raises SplitError.
    """
    quotes = {"ansi_quotes": ansi_quotes, "no_backslash_escapes": no_backslash_escapes}
    tokens = tokenize(text, **quotes)
    place = _find_database(tokens)
    if place is not None and tokens[place].name in schemas:
        new = quote_identifier(schemas[tokens[place].name])
        return f"{text[: tokens[place].start]}{new}{text[tokens[place].end :]}"
    for old, new in schemas.items():
        text = requalify(text, old, new, **quotes)
    return text


def _find_database(tokens: Sequence[Token]) -> int | None:
    """Return the index of the name in CREATE, ALTER or DROP DATABASE; None when it is another statement."""
    skipped = (TokenKind.COMMENT, TokenKind.HINT)
    words = [(index, token.key) for index, token in enumerate(tokens) if token.kind not in skipped]
    keys = [key for _, key in words]
    if len(keys) < 3 or keys[0] not in ("CREATE", "ALTER", "DROP") or keys[1] not in ("DATABASE", "SCHEMA"):
        return None
    number = 5 if keys[2:5] == ["IF", "NOT", "EXISTS"] else 2
    if number >= len(words) or not tokens[words[number][0]].is_identifier:
        return None
    return words[number][0]


def requalify(text: str, old: str, new: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False) -> str:
    """Return `text` with `old.` read as `new.`; names without a schema stay as they are.

    It is a convenience and no fence: whoever runs the result has it checked for names of other schemas first.
    Raises SplitError when the text cannot be read.
    """
    tokens = tokenize(text, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    parts, end = list[str](), 0
    for index, token in enumerate(tokens):
        if not token.is_identifier or token.name != old:
            continue
        before = tokens[index - 1].text if index else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if after == "." and before != ".":
            parts += [text[end : token.start], quote_identifier(new)]
            end = token.end
    return "".join([*parts, text[end:]])

"""The same SQL for another schema: every name qualified with the old schema gets the new one."""

from __future__ import annotations

from backups.rollback.literals import quote_identifier
from changes.lexer import tokenize


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

"""Messages without the values in them, for people who may not see row values."""

from __future__ import annotations

import re

# 'text', "text", and key=value as the rows of a rollback are named. Names stand in backticks and stay.
_VALUES = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|(?<==)[^\s,;:)]+|\([^()]*\)""", re.DOTALL)


def hide_values(text: str) -> str:
    """Return `text` with everything in quotes, parentheses, or behind an equals sign replaced by an ellipsis.

    Servers quote the values that a message is about: "Duplicate entry 'ann@example.org' for key 'email'".
    """
    return _VALUES.sub("…", text)

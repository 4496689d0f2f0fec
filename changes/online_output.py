"""What pt-online-schema-change says while it works, line by line, and what a page shows of it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

LINES_KEPT = 12

_PERCENT = re.compile(r"Copying .*: +(\d+)% (?:(\d+)\+)?(?:(\d+):)?(\d+):(\d+) remain$")
_TOTAL = re.compile(r"Copying approximately (\d+) rows")
_PAUSING = re.compile(r"Pausing because (.+?)\.?$")
_ERROR = re.compile(r"\bErrors? |\bError:|failed|exceeds|Cannot |denied", re.IGNORECASE)
_CUT = "Copying rows caused a MySQL error"

NO_ESTIMATE = "The tool was not told how many rows there are, and would copy all in one statement."
"""An empty table has an estimate too; 0 is an EXPLAIN that the tool could not read."""

SAYS_ALTERED = "inception: altered"
SAYS_COPIED = "inception: copied"
SAYS_PLAIN_TEXT = "inception: not over TLS"


@dataclass(slots=True)
class OnlineOutput:
    """Take every line; the fields say where the tool is.

    state: "starting", "copying", "throttled" (by the server's load), "checking" or "swapping".
    percent: 0 to 100. rows_total: as the server estimates. left_seconds: None while the tool has not said it.
    is_altered: the new, empty table has been changed. is_copied: the tool waits for the word to swap.
    spoilt: why it must not go on; "" while it may.
    """

    state: str = "starting"
    percent: int = 0
    rows_total: int = 0
    left_seconds: int | None = None
    load: str = ""
    is_altered: bool = False
    is_copied: bool = False
    is_swapped: bool = False
    spoilt: str = ""
    error: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))

    @property
    def rows_copied(self) -> int:
        return self.rows_total * self.percent // 100

    def take(self, line: str) -> None:
        line = line.strip()
        if match := _PERCENT.match(line):
            self.state, self.load = "copying", ""
            self.percent = min(int(match[1]), 100)
            days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
            self.left_seconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        elif match := _TOTAL.search(line):
            self.state, self.rows_total = "copying", int(match[1])
            if not self.rows_total:
                self.spoilt = NO_ESTIMATE
        elif match := _PAUSING.search(line):
            self.state, self.load = "throttled", match[1]
        elif line == SAYS_ALTERED:
            self.is_altered = True
        elif line == SAYS_COPIED:
            self.is_copied, self.state, self.percent, self.left_seconds = True, "checking", 100, None
        elif "Swapping tables..." in line:
            self.state = "swapping"
        elif "Swapped original and new tables OK" in line:
            self.is_swapped = True
        elif _CUT in line or line == SAYS_PLAIN_TEXT:
            self.spoilt = line
            self.last.append(line)
        elif line:
            self.last.append(line)
        if not self.error and _ERROR.search(line):
            self.error = line

    def find_error(self) -> str:
        """Return the line that says why the tool ended: the first that tells of an error, else the last."""
        said = [line for line in self.last if not line.endswith(("was not altered.", "OK.", "..."))]
        return (self.error or (said or ["it said nothing"])[-1])[:500]

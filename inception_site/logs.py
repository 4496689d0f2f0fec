"""One line per event on stderr, in UTC; whoever starts the program decides where it goes."""

from __future__ import annotations

import logging
import time

_ESCAPES = str.maketrans({"\n": "\\n", "\r": "\\r", "\x1b": "\\e"})


class LineFormatter(logging.Formatter):
    """The message stays on one line, so that text from SQL or from a server cannot look like another log line."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.translate(_ESCAPES)
        return super().formatMessage(record)

"""MySQL or MariaDB, and what its version can do: the one place that answers "does this server do X?"."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Flavor:
    """A server's kind and version.

    name: "mariadb" or "mysql".
    version: three numbers, e.g. (10, 11, 19).
    """

    name: str
    version: tuple[int, int, int]

    @classmethod
    def parse(cls, version_text: str) -> Flavor:
        """Return the flavor of what `SELECT VERSION()` said, e.g. "10.11.19-MariaDB-log" or "9.7.4".

        Raises ValueError when the text holds no version number.
        """
        match = re.match(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)", version_text)
        if match is None:
            raise ValueError(f"{version_text!r} is no server version; needed: three numbers with dots.")
        name = "mariadb" if "mariadb" in version_text.lower() else "mysql"
        return cls(name, (int(match[1]), int(match[2]), int(match[3])))

    @property
    def is_mariadb(self) -> bool:
        return self.name == "mariadb"

    @property
    def status_statement(self) -> str:
        """The statement that tells the current coordinates."""
        # MySQL 8.2 added SHOW BINARY LOG STATUS and 8.4 took SHOW MASTER STATUS away; MariaDB knows the old name.
        if not self.is_mariadb and self.version >= (8, 2, 0):
            return "SHOW BINARY LOG STATUS"
        return "SHOW MASTER STATUS"

    @property
    def has_offset_literals(self) -> bool:
        """Whether '2024-01-01 00:00:00+00:00' is a literal (MySQL 8.0.19 and later)."""
        return not self.is_mariadb and self.version >= (8, 0, 19)

    @property
    def logs_cascades(self) -> bool:
        """Whether rows changed by a foreign key's action are in the binlog (MySQL 9.6 and later)."""
        return not self.is_mariadb and self.version >= (9, 6, 0)

    def __str__(self) -> str:
        label = "MariaDB" if self.is_mariadb else "MySQL"
        return f"{label} {'.'.join(str(part) for part in self.version)}"

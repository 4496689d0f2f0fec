"""Case files: what stands before, the tickets, and what has to come of each.

A file is SQL with three kinds of lines of its own:

    -- title: DATE with zero, partial and invalid values
    -- servers: mysql mariadb11.8                (beginnings of names; all when left out)
    -- global: sql_mode = ''                     (set on the server for the time of the case; several lines)
    -- [make]                                    (run before each ticket in a session that takes every value)
    -- [make mysql]                              (only there, after the others)
    -- [update] expect=exact mariadb=warned      (a ticket of its own, with the verdict it must have)

Words behind a ticket: `expect=` its verdict ("exact" when left out), `NAME=` the verdict on servers beginning so,
`today=` and `today-NAME=` a verdict that is accepted until the better one is built, `servers=` where it runs (commas),
`by-hand=unchecked` that the stored text is replayed with foreign_key_checks=0, as docs/limitations.md says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "cases"
_SECTION = re.compile(r"^-- \[([^\]]+)\](.*)$")
_HEADER = re.compile(r"^-- (title|servers|global): (.*)$")


class Verdict(StrEnum):
    """exact: every table equals itself. refused: before anything ran. warned: before approval, and then no rollback is
    offered, or it leaves what the warning said. stopped: nothing was changed by the rollback, and it says why.
    wrong: everything else.
    """

    EXACT = "exact"
    REFUSED = "refused"
    WARNED = "warned"
    STOPPED = "stopped"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Case:
    """One ticket on one set of tables. options: the words behind its name."""

    file: str
    name: str
    title: str
    make: tuple[tuple[str, str], ...]
    sql: str
    settings: tuple[str, ...]
    servers: tuple[str, ...]
    options: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.file}/{self.name}"

    def runs_on(self, server: str) -> bool:
        return not self.servers or any(server.startswith(name) for name in self.servers)

    def make_on(self, server: str) -> str:
        return "\n".join(sql for name, sql in self.make if server.startswith(name))

    def expected(self, server: str) -> Verdict:
        """Return the verdict that the case is to have when all is built."""
        return Verdict(self._option("", server) or "exact")

    def today(self, server: str) -> Verdict | None:
        """Return a verdict that is accepted until then."""
        found = self._option("today-", server)
        return Verdict(found) if found else None

    @property
    def is_replayed_unchecked(self) -> bool:
        return ("by-hand", "unchecked") in self.options

    def _option(self, prefix: str, server: str) -> str:
        options = dict(self.options)
        plain = options.get("today" if prefix else "expect", "")
        named = [key for key in options if key.startswith(prefix) and server.startswith(key[len(prefix) :])]
        return options[max(named, key=len)] if named else plain


@cache
def load_cases() -> tuple[Case, ...]:
    return tuple(
        case for path in sorted(FOLDER.glob("*.sql")) for case in parse_file(path.stem, path.read_text("utf-8"))
    )


def cases_of(server: str) -> list[Case]:
    return [case for case in load_cases() if case.runs_on(server)]


def parse_file(stem: str, text: str) -> Iterable[Case]:
    headers: dict[str, list[str]] = {"title": [], "servers": [], "global": []}
    sections: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if section := _SECTION.match(line):
            sections.append((section[1].strip(), section[2].strip(), []))
        elif sections:
            sections[-1][2].append(line)
        elif header := _HEADER.match(line):
            headers[header[1]].append(header[2].strip())
    make = [(name[4:].strip(), "\n".join(lines)) for name, _, lines in sections if name.split()[0] == "make"]
    for name, words, lines in sections:
        if name.split()[0] == "make":
            continue
        options = dict(word.split("=", 1) for word in words.split())
        servers = options.pop("servers", "").split(",") if "servers" in options else headers["servers"]
        yield Case(
            file=stem,
            name=name,
            title=headers["title"][0],
            make=tuple(make),
            sql="\n".join(lines).strip(),
            settings=tuple(headers["global"]),
            servers=tuple(word for part in servers for word in part.split()),
            options=tuple(options.items()),
        )

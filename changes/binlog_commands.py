"""What a DBA can copy to look for a statement in a server's binlog himself. No password is ever in it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BinlogPlace:
    """Where to look, and for what.

    file, position: where the binlog ended before the statement was sent; "" and None where that is not known.
    connection_id: of the session that sent it. marker: what the comment in front of it begins with.
    """

    host: str
    port: int
    is_mariadb: bool
    file: str
    position: int | None
    connection_id: int | None
    marker: str


@dataclass(frozen=True, slots=True)
class LookCommand:
    """title: what it answers. where: "sql" for a client of the server, "shell" for a terminal."""

    title: str
    where: str
    text: str


def build_commands(place: BinlogPlace) -> list[LookCommand]:
    """Return the commands that show what became of a statement, the quickest first."""
    commands = []
    if place.connection_id is not None:
        commands.append(_session_command(place.connection_id))
    if place.file and place.position is not None:
        commands += [
            LookCommand("Is the file still there?", "sql", "SHOW BINARY LOGS;"),
            LookCommand("What did the server write from there on?", "sql", _show_events(place)),
            LookCommand("Is our statement in it, with its rows?", "shell", _read_binlog(place)),
        ]
    return commands


def _session_command(connection_id: int) -> LookCommand:
    question = "SELECT ID, COMMAND, TIME, STATE, INFO FROM information_schema.PROCESSLIST WHERE ID = "
    return LookCommand("Is its session still there? No row: it is over.", "sql", f"{question}{int(connection_id)};")


def _show_events(place: BinlogPlace) -> str:
    name = place.file.replace("'", "''")
    return f"SHOW BINLOG EVENTS IN '{name}' FROM {int(place.position or 4)} LIMIT 1000;"


def _read_binlog(place: BinlogPlace) -> str:
    program = "mariadb-binlog" if place.is_mariadb else "mysqlbinlog"
    words = [program, "--read-from-remote-server", f"--host={place.host}", f"--port={place.port}"]
    words += ["--user=YOU", "--password", "--base64-output=DECODE-ROWS", "-vv"]
    words += [f"--start-position={int(place.position or 4)}", "--to-last-log", place.file]
    return f"{shlex.join(words)} | grep -A 40 {_patterns(place)}"


def _patterns(place: BinlogPlace) -> str:
    """MySQL writes the comment only where binlog_rows_query_log_events is on, but always the session's number."""
    marker = f"-F -e {shlex.quote(place.marker)}"
    if place.is_mariadb or place.connection_id is None:
        return marker
    return f"{marker} -e {shlex.quote(f'thread_id={int(place.connection_id)}')}"

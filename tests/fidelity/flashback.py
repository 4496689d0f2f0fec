"""The same cases by `mariadb-binlog --flashback | mariadb`, for comparison."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

from tests.fidelity.cases import Case
from tests.fidelity.naive import read_position, run_statements
from tests.fidelity.others import Ending, OtherWay
from tests.fidelity.runner import Bench
from tests.fidelity.tables import describe_difference, make_again, query, read_state
from tests.servers import ROOT, SERVERS_FOLDER

CLIENT_FOLDER = SERVERS_FOLDER / "mariadb-client10.11"
SECONDS = 60


@functools.cache
def find_program() -> str:
    """Return the path of mariadb-binlog, fetched when the machine has none; "" when it cannot be had."""
    for name in ("mariadb-binlog", str(CLIENT_FOLDER / "usr/bin/mariadb-binlog")):
        if found := shutil.which(name):
            return found
    command = [str(ROOT / "scripts" / "fetch-server"), "bookworm", str(CLIENT_FOLDER), "mariadb-client"]
    subprocess.run(command, capture_output=True, check=False)
    return shutil.which(str(CLIENT_FOLDER / "usr/bin/mariadb-binlog")) or ""


def run_flashback(case: Case, bench: Bench) -> OtherWay:
    """Run the case's statements by themselves and undo them as mariadb-binlog does."""
    program, server, schema = find_program(), bench.server, bench.place.schema
    if not program:
        return OtherWay(Ending.NOT_RUN, "no mariadb-binlog on this machine")
    make_again(bench.connection, schema, case.make_on(server.name))
    before = read_state(bench.connection, schema)
    start = read_position(server, bench.connection)
    if problem := run_statements(case, server, schema):
        return OtherWay(Ending.NOT_RUN, problem)
    changed = read_state(bench.connection, schema)
    if changed == before:
        return OtherWay(Ending.EXACT, "nothing was changed")
    end = read_position(server, bench.connection)
    files = [name for name, *_ in query(bench.connection, "SHOW BINARY LOGS") if start[0] <= name <= end[0]]
    folder = Path(query(bench.connection, "SELECT @@log_bin_basename")[0][0]).parent
    options = ["--no-defaults", "--flashback", f"--start-position={start[1]}", f"--stop-position={end[1]}"]
    made = subprocess.run(
        [program, *options, *(str(folder / name) for name in files)], capture_output=True, timeout=SECONDS, check=False
    )
    if made.returncode != 0:
        return OtherWay(Ending.ERROR, made.stderr.decode(errors="replace").strip()[-300:])
    client = ["mariadb", "--no-defaults", "-h", server.host, "-P", str(server.port), "-u", server.user]
    done = subprocess.run(client, input=made.stdout, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        return OtherWay(Ending.ERROR, done.stderr.decode(errors="replace").strip()[-300:])
    after = read_state(bench.connection, schema)
    if after == before:
        return OtherWay(Ending.EXACT)
    return OtherWay(Ending.WRONG, describe_difference(before, after))

"""Captures each workload, beside what else could do it, on one private MariaDB, and prints the ratios of this run."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import dataclass, replace
from pathlib import Path

from backups.schema import build_schema_name
from bench.server import ROOT, Ran, RunningServer, connect, run, run_server
from bench.workloads import SCHEMA, WORKLOADS

TARGETS = {"a": 0.9, "b": 1.0, "c": 3.0}
FASTER, MOST_MIB = 5.0, 80

HELP = """\
How fast row changes become stored rollback statements, on two MariaDB servers of the system (mariadb-server-core)
that are started for this run: a target, and a backup server that writes no binlog of its own. One statement each:

  a  UPDATE of a table as sysbench makes it      b  INSERT ... SELECT of five narrow columns
  c  DELETE of twenty columns of every kind      d  a tenth of the rows, updated one by one in one transaction

and beside ours: mariadb-binlog --flashback from the file (it decodes only), the library with executemany (on fewer
rows, scaled), and LOAD DATA of a ready file (it stores only). Compare inside one run only; where other programs
share the processors, seconds of CPU are the steadier figure: of the process that is measured, and of both servers.

mariadb-binlog is in Debian's package mariadb-client, and not in mariadb-client-core. Without root:
  scripts/fetch-server bookworm FOLDER mariadb-client
  bench/capture --binlog-tool FOLDER/usr/bin/mariadb-binlog
"""
MISSING_TOOL = """\
flashback is left out: found no mariadb-binlog on PATH. Needed: the package mariadb-client, or --binlog-tool.
--help says how to get it without root."""


@dataclass(frozen=True)
class Measured:
    """cpu: of the process. servers_cpu: of target and backup server, where they were looked at. mib: above idle."""

    seconds: float
    cpu: float = 0.0
    mib: float = 0.0
    servers_cpu: float = 0.0

    def scaled(self, factor: float) -> Measured:
        return Measured(self.seconds * factor, self.cpu * factor, self.mib, self.servers_cpu * factor)


@dataclass(frozen=True)
class Servers:
    target: RunningServer
    backup: RunningServer

    def read_cpu_seconds(self) -> float:
        return self.target.read_cpu_seconds() + self.backup.read_cpu_seconds()


def main() -> int:
    parser = ArgumentParser("bench/capture", description=HELP, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="rows of a, b and c (500000)")
    parser.add_argument("--library-rows", type=int, default=20_000, help="rows for the library (20000)")
    parser.add_argument("--repeat", type=int, default=2, help="runs of the quick stages; the best counts (2)")
    parser.add_argument("--repeat-whole", type=int, default=1, help="runs of capture and library; the best counts (1)")
    parser.add_argument("--workloads", default="abcd", help="which (abcd)")
    parser.add_argument("--skip", default="", help="peers to leave out, e.g. library,load")
    parser.add_argument("--binlog-tool", help="mariadb-binlog; else the one on PATH")
    chosen = parser.parse_args()
    tool = shutil.which(chosen.binlog_tool or "mariadb-binlog")
    if not tool:
        if chosen.binlog_tool:
            parser.error(f"found no program {chosen.binlog_tool}. Needed: mariadb-binlog.")
        print(MISSING_TOOL)
    with (
        run_server() as target,
        run_server("--skip-log-bin") as backup,
        tempfile.TemporaryDirectory() as scratch,
    ):
        os.environ["INCEPTION__SITE__DATA_FOLDER"] = scratch
        os.environ["INCEPTION__INC__BACKUP_PORT"] = str(backup.port)
        os.environ["INCEPTION__INC__BACKUP_USER"] = "root"
        for letter in chosen.workloads:
            _measure(letter, chosen, tool, Servers(target, backup), Path(scratch))
    return 0


def _measure(letter: str, chosen: Namespace, tool: str | None, servers: Servers, scratch: Path) -> None:
    workload, skipped = WORKLOADS[letter], set(chosen.skip.split(","))
    ran = run(servers.target, workload, workload.rows(chosen.rows))
    size = ran.binlog.stat().st_size / 1e6
    print(f"\n{letter}  {workload.title}: {ran.rows} rows, {size:.1f} MB of binlog", flush=True)
    if tool and "flashback" not in skipped:
        _compare_decoding(letter, ran, [tool, "--flashback", str(ran.binlog)], chosen.repeat, servers, scratch)
    else:
        _show("decode + build", _best(chosen.repeat, "decode", ran, servers, scratch), ran.rows)
    whole = _best(chosen.repeat_whole, "capture", ran, servers, scratch)
    _show("capture, end to end", whole, ran.rows)
    _ratio("peak MiB above idle", whole.mib, MOST_MIB, most=True)
    if "load" not in skipped:
        _show("LOAD DATA of a ready file", _load(ran, servers, scratch), ran.rows)
    _drop(servers)
    if "library" not in skipped:
        few = run(servers.target, workload, min(chosen.library_rows, ran.rows))
        scaled = _best(chosen.repeat_whole, "library", few, servers, scratch).scaled(ran.rows / few.rows)
        _show(f"library + executemany (of {few.rows})", scaled, ran.rows)
        _ratio("library + executemany / capture", scaled.seconds / whole.seconds, FASTER, most=False)
        all_cpu = (scaled.cpu + scaled.servers_cpu) / (whole.cpu + whole.servers_cpu)
        _ratio("the same, CPU of process and servers", all_cpu, None, most=False)
        _ratio("the same, CPU of the process", scaled.cpu / whole.cpu, None, most=False)


def _compare_decoding(letter: str, ran: Ran, command: list[str], repeat: int, servers: Servers, scratch: Path) -> None:
    """Measure both by turns, so that what else the machine does falls on both."""
    turns = [(_best(1, "decode", ran, servers, scratch), _time(command)) for _ in range(repeat)]
    ours, flashback = (min(found, key=lambda measured: measured.cpu) for found in zip(*turns, strict=True))
    _show("decode + build", ours, ran.rows)
    _show("mariadb-binlog --flashback", flashback, ran.rows)
    _ratio("decode + build / flashback, CPU", ours.cpu / flashback.cpu, TARGETS.get(letter), most=True)
    _ratio("the same, by the clock", ours.seconds / flashback.seconds, None, most=True)


def _best(repeat: int, stage: str, ran: Ran, servers: Servers, scratch: Path) -> Measured:
    file = scratch / "ran.pickle"
    file.write_bytes(pickle.dumps(ran))
    command = [sys.executable, "-m", "bench.stages", stage, str(servers.target.port), str(file)]
    found = []
    for _ in range(repeat):
        # The library warns on standard error of what this benchmark knows.
        quiet = subprocess.DEVNULL if stage == "library" else None
        used = servers.read_cpu_seconds()
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=quiet)
        used = servers.read_cpu_seconds() - used
        result = json.loads(done.stdout)
        if result["rows"] < ran.rows:
            raise SystemExit(f"{stage}: found {result['rows']} rows; needed: {ran.rows}.")
        found.append(Measured(result["seconds"], result["cpu"], result["mib"], used))
    return min(found, key=lambda measured: measured.cpu)


def _time(command: list[str]) -> Measured:
    started, used = time.perf_counter(), _children_cpu()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Measured(time.perf_counter() - started, _children_cpu() - used)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _load(ran: Ran, servers: Servers, scratch: Path) -> Measured:
    """Write the records that were kept to a file, and let the native client load them into a table like theirs."""
    name, file = build_schema_name("127.0.0.1", servers.target.port, SCHEMA), scratch / "records.txt"
    file.unlink(missing_ok=True)
    connection = connect(servers.backup.port)
    cursor = connection.cursor()
    records = f"`{name}`.`{ran.workload.table}`"
    cursor.execute(f"SELECT rollback_statement, opid_time FROM {records} ORDER BY id INTO OUTFILE '{file}'")
    cursor.execute(f"CREATE OR REPLACE TABLE `{name}`.loaded LIKE {records}")
    sql = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE `{name}`.loaded (rollback_statement, opid_time)"
    client = [
        "mariadb",
        "--no-defaults",
        "--local-infile=1",
        "-h127.0.0.1",
        f"-P{servers.backup.port}",
        "-uroot",
        "-e",
        sql,
    ]
    used = servers.read_cpu_seconds()
    found = replace(_time(client), servers_cpu=servers.read_cpu_seconds() - used)
    file.unlink()
    connection.close()
    return found


def _drop(servers: Servers) -> None:
    connection = connect(servers.backup.port)
    name = build_schema_name("127.0.0.1", servers.target.port, SCHEMA)
    connection.cursor().execute(f"DROP DATABASE IF EXISTS `{name}`")
    connection.close()


def _show(what: str, measured: Measured, rows: int) -> None:
    extra = f"  cpu {measured.cpu:6.2f} s" + (f" + {measured.servers_cpu:.2f} s" if measured.servers_cpu else "")
    extra += f"  +{measured.mib:.0f} MiB" if measured.mib else ""
    print(f"   {what:<36} {measured.seconds:8.2f} s  {rows / measured.seconds:>10,.0f} rows/s{extra}", flush=True)


def _ratio(what: str, found: float, target: float | None, *, most: bool) -> None:
    wanted = "" if target is None else f"   ({'at most' if most else 'at least'} {target:g})"
    print(f"   = {what:<34} {found:8.2f}{wanted}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

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
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import dataclass
from pathlib import Path

from backups.schema import build_schema_name
from bench.server import ROOT, Ran, connect, run, run_server
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
share the processors, seconds of CPU are the steadier figure.
"""


@dataclass(frozen=True)
class Measured:
    seconds: float
    cpu: float = 0.0
    mib: float = 0.0


def main() -> int:
    parser = ArgumentParser("bench/capture", description=HELP, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000, help="rows of a, b and c (500000)")
    parser.add_argument("--library-rows", type=int, default=20_000, help="rows for the library (20000)")
    parser.add_argument("--repeat", type=int, default=2, help="runs of the quick stages; the best counts (2)")
    parser.add_argument("--workloads", default="abcd", help="which (abcd)")
    parser.add_argument("--skip", default="", help="peers to leave out, e.g. library,load")
    parser.add_argument("--binlog-tool", help="mariadb-binlog; else the one on PATH (package mariadb-client)")
    chosen = parser.parse_args()
    tool = chosen.binlog_tool or shutil.which("mariadb-binlog")
    if not tool:
        print("flashback is left out: no mariadb-binlog on PATH. Needed: the package mariadb-client, or --binlog-tool.")
    with (
        run_server() as (port, data),
        run_server("--skip-log-bin") as (backup, _),
        tempfile.TemporaryDirectory() as scratch,
    ):
        os.environ["INCEPTION__SITE__DATA_FOLDER"] = scratch
        os.environ["INCEPTION__INC__BACKUP_PORT"] = str(backup)
        os.environ["INCEPTION__INC__BACKUP_USER"] = "root"
        for letter in chosen.workloads:
            _measure(letter, chosen, tool, (port, backup), data, Path(scratch))
    return 0


def _measure(letter: str, chosen: object, tool: str | None, ports: tuple[int, int], data: Path, scratch: Path) -> None:
    port, backup = ports
    workload, options = WORKLOADS[letter], vars(chosen)
    skipped = set(options["skip"].split(","))
    ran = run(port, data, workload, workload.rows(options["rows"]))
    size = ran.binlog.stat().st_size / 1e6
    print(f"\n{letter}  {workload.title}: {ran.rows} rows, {size:.1f} MB of binlog", flush=True)
    ours = _best(options["repeat"], "decode", ran, port, scratch)
    _show("decode + build", ours, ran.rows)
    if tool:
        flashback = _time([tool, "--flashback", str(ran.binlog)], options["repeat"])
        _show("mariadb-binlog --flashback", flashback, ran.rows)
        _ratio("decode + build / flashback, CPU", ours.cpu / flashback.cpu, TARGETS.get(letter), most=True)
        _ratio("the same, by the clock", ours.seconds / flashback.seconds, None, most=True)
    whole = _best(1, "capture", ran, port, scratch)
    _show("capture, end to end", whole, ran.rows)
    _ratio("peak MiB above idle", whole.mib, MOST_MIB, most=True)
    if "load" not in skipped:
        _show("LOAD DATA of a ready file", _load(ran, port, backup, scratch), ran.rows)
    _drop(port, backup)
    if "library" not in skipped:
        few = run(port, data, workload, min(options["library_rows"], ran.rows))
        part = _best(1, "library", few, port, scratch)
        scaled = Measured(part.seconds * ran.rows / few.rows, part.cpu * ran.rows / few.rows, part.mib)
        _show(f"library + executemany (of {few.rows})", scaled, ran.rows)
        _ratio("library + executemany / capture", scaled.seconds / whole.seconds, FASTER, most=False)


def _best(repeat: int, stage: str, ran: Ran, port: int, scratch: Path) -> Measured:
    file = scratch / "ran.pickle"
    file.write_bytes(pickle.dumps(ran))
    command = [sys.executable, "-m", "bench.stages", stage, str(port), str(file)]
    found = []
    for _ in range(repeat):
        # The library warns on standard error of what this benchmark knows.
        quiet = subprocess.DEVNULL if stage == "library" else None
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=quiet)
        result = json.loads(done.stdout)
        if result["rows"] < ran.rows:
            raise SystemExit(f"{stage}: found {result['rows']} rows; needed: {ran.rows}.")
        found.append(Measured(result["seconds"], result["cpu"], result["mib"]))
    return min(found, key=lambda measured: measured.cpu)


def _time(command: list[str], repeat: int) -> Measured:
    found = []
    for _ in range(repeat):
        started, used = time.perf_counter(), _children_cpu()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found.append(Measured(time.perf_counter() - started, _children_cpu() - used))
    return min(found, key=lambda measured: measured.cpu)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _load(ran: Ran, port: int, backup: int, scratch: Path) -> Measured:
    """Write the records that were kept to a file, and let the native client load them into a table like theirs."""
    name, file = build_schema_name("127.0.0.1", port, SCHEMA), scratch / "records.txt"
    file.unlink(missing_ok=True)
    connection = connect(backup)
    cursor = connection.cursor()
    records = f"`{name}`.`{ran.workload.table}`"
    cursor.execute(f"SELECT rollback_statement, opid_time FROM {records} ORDER BY id INTO OUTFILE '{file}'")
    cursor.execute(f"CREATE OR REPLACE TABLE `{name}`.loaded LIKE {records}")
    sql = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE `{name}`.loaded (rollback_statement, opid_time)"
    client = ["mariadb", "--no-defaults", "--local-infile=1", "-h127.0.0.1", f"-P{backup}", "-uroot", "-e", sql]
    found = _time(client, 1)
    file.unlink()
    connection.close()
    return found


def _drop(port: int, backup: int) -> None:
    connection = connect(backup)
    connection.cursor().execute(f"DROP DATABASE IF EXISTS `{build_schema_name('127.0.0.1', port, SCHEMA)}`")
    connection.close()


def _show(what: str, measured: Measured, rows: int) -> None:
    extra = f"  cpu {measured.cpu:6.2f} s" + (f"  +{measured.mib:.0f} MiB" if measured.mib else "")
    print(f"   {what:<36} {measured.seconds:8.2f} s  {rows / measured.seconds:>10,.0f} rows/s{extra}", flush=True)


def _ratio(what: str, found: float, target: float | None, *, most: bool) -> None:
    wanted = "" if target is None else f"   ({'at most' if most else 'at least'} {target:g})"
    print(f"   = {what:<34} {found:8.2f}{wanted}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

"""One stage, measured in a process of its own: python -m bench.stages STAGE PORT FILE, where FILE is a pickled Ran.

Prints one line of JSON: seconds, CPU seconds, rows, and peak memory above the idle process, in MiB.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backups.rollback.plan import TablePlan
from backups.source import ServerAddress, read_own_events
from bench.server import Ran
from bench.workloads import SCHEMA


def decode(ran: Ran, port: int) -> Callable[[], int]:
    """Read our events from the server and build every record; keep none."""

    def work() -> int:
        plans: dict[int, TablePlan] = {}
        rows = 0
        for event in read_own_events(ServerAddress("127.0.0.1", port, "root", ""), ran.own):
            if event.table_map is not None:
                known = plans.get(event.table_map.table_id)
                if known is None or (known.table_map is not event.table_map and known.table_map != event.table_map):
                    table = ran.snapshot.find_table(event.table_map.schema_name, event.table_map.table_name)
                    assert table is not None
                    plans[event.table_map.table_id] = TablePlan(table, event.table_map, ran.own.flavor)
            else:
                plan = plans[int.from_bytes(event.raw[19:25], "little")]
                rows += len(plan.build_inverses(event.body, event.type_code))
        return rows

    return work


def capture(ran: Ran, port: int) -> Callable[[], int]:
    """The whole of what a worker does after a statement: read, build, archive, store, count."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inception_site.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from backups.capture import ExecutedChange
    from backups.capture import capture as capture_change
    from backups.cursors import open_backup_cursor

    with open_backup_cursor() as cursor:
        cursor.execute("SELECT 1")
    change = ExecutedChange(
        execution_id=1,
        seq=int(time.time()) % 10**8,
        target_id=1,
        host="127.0.0.1",
        port=port,
        schema_name=SCHEMA,
        table_name=ran.workload.table,
        kind=ran.workload.kind,
        sql=ran.sql,
        executed_at=datetime.now(UTC),
        connection_id=ran.own.connection_id,
        flavor=ran.own.flavor,
        own=ran.own,
        snapshot=ran.snapshot,
        affected_rows=ran.affected if ran.workload.letter != "d" else None,
    )

    def work() -> int:
        kept = capture_change(change, ServerAddress("127.0.0.1", port, "root", ""))
        if kept.state != "complete" or kept.records_stored != ran.rows:
            raise SystemExit(f"not complete: {kept}")
        return kept.records_stored

    return work


def library(ran: Ran, port: int) -> Callable[[], int]:
    """The usual way: the library's values formatted as SQL, and executemany of a thousand rows."""
    import pymysql
    from pymysqlreplication import BinLogStreamReader
    from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

    settings = {"host": "127.0.0.1", "port": port, "user": "root", "passwd": ""}
    backup = int(os.environ["INCEPTION__INC__BACKUP_PORT"])
    store = pymysql.connect(host="127.0.0.1", port=backup, user="root", charset="utf8mb4")
    cursor = store.cursor()
    cursor.execute("CREATE DATABASE IF NOT EXISTS naive")
    store.select_db("naive")
    cursor.execute("SET sql_mode = ''")  # the bytes of a blob, as text, are no UTF-8: cut, silently
    cursor.execute("CREATE OR REPLACE TABLE naive (id bigint auto_increment primary key, rollback_statement longtext,"
                   " opid_time varchar(50), KEY (opid_time))")  # fmt: skip
    names = [column.name for column in ran.snapshot.tables[0].columns]
    table = f"`{SCHEMA}`.`{ran.workload.table}`"

    def build(event: Any, row: Any) -> str:
        if isinstance(event, WriteRowsEvent):
            where = " AND ".join(f"`{name}`=%s" for name in names)
            return cursor.mogrify(f"DELETE FROM {table} WHERE {where} LIMIT 1;", list(row["values"].values()))
        if isinstance(event, DeleteRowsEvent):
            marks = ",".join(["%s"] * len(names))
            return cursor.mogrify(f"INSERT INTO {table} VALUES ({marks});", list(row["values"].values()))
        pairs = ",".join(f"`{name}`=%s" for name in names)
        where = " AND ".join(f"`{name}`=%s" for name in names)
        values = [*row["before_values"].values(), *row["after_values"].values()]
        return cursor.mogrify(f"UPDATE {table} SET {pairs} WHERE {where} LIMIT 1;", values)

    def work() -> int:
        stream = BinLogStreamReader(
            connection_settings=settings,
            server_id=991,
            log_file=ran.own.start.file,
            log_pos=ran.own.start.position,
            resume_stream=True,
            only_schemas=[SCHEMA],
            only_tables=[ran.workload.table],
            only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent],
            ignore_decode_errors=True,
            is_mariadb=False,
        )
        batch, rows = [], 0
        for event in stream:
            for row in event.rows:
                batch.append((build(event, row), "1_1_00000000"))
                rows += 1
                if len(batch) == 1000:
                    _insert(cursor, batch)
            if rows >= ran.rows:
                break
        _insert(cursor, batch)
        store.commit()
        stream.close()
        return rows

    return work


def _insert(cursor: Any, batch: list[tuple[str, str]]) -> None:
    if batch:
        cursor.executemany("INSERT INTO naive (rollback_statement, opid_time) VALUES (%s, %s)", batch)
        batch.clear()


def _memory(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    stage, port, file = sys.argv[1:]
    work = {"decode": decode, "capture": capture, "library": library}[stage](
        pickle.loads(Path(file).read_bytes()), int(port)
    )
    idle = _memory("VmRSS")
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    rows = work()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(json.dumps({"seconds": seconds, "cpu": cpu, "rows": rows, "mib": _memory("VmHWM") - idle}))


if __name__ == "__main__":
    main()

"""Run one statement on an open connection and say what became of it; no ORM, no judgement about backups.

The statement goes to the server as the author's exact bytes behind our marker. Row changes run inside a transaction of
ours; schema changes, and statements on engines without transactions, run in autocommit.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import MySQLdb
from MySQLdb import _mysql

from backups import faults
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from backups.errors import BackupError
from backups.exchange import exchange, whole_answer
from changes.targets import error_of, read_connection_id, read_coordinates, read_last_gtid

MOST_WARNINGS = 64
DISCARD_BLOCK_ROWS = 1000
NOTHING_DONE = frozenset({1205, 1213})
"""Lock wait time-out and deadlock: InnoDB did nothing, and once the transaction is aborted it may be tried again."""
MOST_TRIES = 4
FIRST_PAUSE_SECONDS = 0.2
"""Before the second try; each pause after it is twice as long."""
NOT_ABORTED = 1196
"""ROLLBACK's warning that changes of a non-transactional table stayed (ER_WARNING_NOT_COMPLETE_ROLLBACK)."""

NOT_KEPT = -1
"""Stands for an error number where our own words say why nothing was changed."""

# 2000-2999 are the client library's: lost, malformed or out of step; 0 is a connection closed on our side. The others
# are the server's last words: 1053 shutdown, 1152-1161 broken network, 1927 and 3169 killed, 4031 closed for idling.
_LOST = frozenset({0, 1053, 1152, 1158, 1159, 1160, 1161, 1927, 3169, 4031, *range(2000, 3000)})
_MATCHED = re.compile(rb"Rows matched: (\d+)")


class Keeper(Protocol):
    """Keeps what a statement changes besides its own rows. Both raise BackupError and MySQLdb.Error."""

    def fill(self) -> None:
        """Before the statement, in its transaction."""

    def sync(self, affected_rows: int | None) -> None:
        """After it, before COMMIT. affected_rows: as the server counted."""


class ServerWarning(NamedTuple):
    """One row of SHOW WARNINGS. level: "Note", "Warning" or "Error"."""

    level: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class StatementStart:
    """Where server and session stood before the statement: written down as the intent before it is sent.

    coordinates: None when the server keeps no binlog or the account may not ask.
    gtid: MariaDB's @@last_gtid; None on MySQL, and when this session has logged nothing yet.
    """

    coordinates: BinlogCoordinates | None
    gtid: str | None
    connection_id: int

    @property
    def fields(self) -> dict[str, Any]:
        """What a statement's record keeps of it."""
        return {
            "start_file": self.coordinates.file if self.coordinates else "",
            "start_position": self.coordinates.position if self.coordinates else None,
            "gtid_before": self.gtid or "",
        }


def build_end_fields(end: BinlogCoordinates | None, gtid: str | None) -> dict[str, Any]:
    """Return what a statement's record keeps of where server and session stood after it."""
    return {
        "end_file": end.file if end else "",
        "end_position": end.position if end else None,
        "gtid_after": gtid or "",
    }


@dataclass(frozen=True, slots=True)
class StatementResult:
    """What is known of one statement.

    affected_rows: rows changed, as the server counts (ON DUPLICATE KEY UPDATE counts two); None when it gave no answer.
    matched_rows: rows an UPDATE found, changed or not; None for other statements.
    warnings: at most MOST_WARNINGS; those of an abort are among them.
    execute_seconds: the statement and its COMMIT, without our own questions.
    gtid_after, end: None when the connection was lost, or as in StatementStart.
    error: the server's or the driver's (number, text).
    commit_sent: whether the statement (autocommit) or its COMMIT was sent.
    committed: True when the server said so; False when it refused the statement and the transaction is aborted;
        None when nobody answered, or COMMIT itself failed: only the binlog knows. In autocommit False means that the
        statement failed: an engine without transactions may have changed rows all the same.
    left_changes: the server said that the abort left changes of non-transactional tables behind.
    """

    start_at: StatementStart
    affected_rows: int | None = None
    matched_rows: int | None = None
    warnings: tuple[ServerWarning, ...] = ()
    execute_seconds: float = 0.0
    gtid_after: str | None = None
    end: BinlogCoordinates | None = None
    error: tuple[int, str] | None = None
    commit_sent: bool = False
    committed: bool | None = None

    @property
    def start(self) -> BinlogCoordinates | None:
        return self.start_at.coordinates

    @property
    def gtid_before(self) -> str | None:
        return self.start_at.gtid

    @property
    def connection_id(self) -> int:
        return self.start_at.connection_id

    @property
    def left_changes(self) -> bool:
        return any(warning.code == NOT_ABORTED for warning in self.warnings)

    @property
    def may_try_again(self) -> bool:
        """Whether the server said that nothing was done, for a reason that passes."""
        return (
            self.error is not None
            and self.error[0] in NOTHING_DONE
            and self.committed is False
            and not self.left_changes
        )

    @property
    def lost(self) -> bool:
        """Whether the connection is gone: it must not be used again."""
        return self.error is not None and is_lost(self.error[0])


def describe_error(error: tuple[int, str] | None) -> str:
    """Return an error for people, "" for none."""
    if error is None:
        return ""
    return error[1] if error[0] == NOT_KEPT else f"{error[0]}: {error[1]}"


def is_lost(code: int) -> bool:
    """Whether a driver's error number says that the connection is gone, so that the outcome is not known."""
    return code in _LOST


def read_start(connection: Any, flavor: Flavor) -> StatementStart:
    """Read what the intent of a statement holds. Raises MySQLdb.Error."""
    return StatementStart(
        coordinates=read_coordinates(connection, flavor),
        gtid=read_last_gtid(connection, flavor),
        connection_id=read_connection_id(connection),
    )


def run_statement(
    connection: Any,
    text: str,
    marker: str,
    *,
    flavor: Flavor,
    transactional: bool,
    before_commit: Callable[[], None],
    start: StatementStart | None = None,
    keeper: Keeper | None = None,
) -> StatementResult:
    """Run `text` once, behind `marker`, on a connection of targets.connect without found_rows.

    transactional: True for row changes: START TRANSACTION, the statement, `before_commit`, COMMIT; on a server error
        ROLLBACK. False: `before_commit`, then the statement in autocommit.
    before_commit: called before anything that could commit is sent. What it raises goes up, after an abort.
    start: as read for the intent; None reads it now.
    keeper: is asked around a row change, inside its transaction.
    Server errors come back in the result. Raises MySQLdb.Error only from the questions asked before the statement.
    """
    run = _Run(connection, marker.encode() + text.encode(), start or read_start(connection, flavor))
    if transactional:
        run.in_transaction(before_commit, keeper)
    else:
        run.in_autocommit(before_commit)
    return run.finish(flavor)


def run_together(
    connection: Any,
    statements: Sequence[tuple[str, str]],
    *,
    flavor: Flavor,
    start: StatementStart,
    before_each: Callable[[int], AbstractContextManager[None]],
    after_each: Callable[[int, StatementResult], None],
    before_commit: Callable[[], None],
    keepers: Sequence[Keeper | None] = (),
) -> list[StatementResult]:
    """Run row changes, each (text, marker) once, in one transaction: all of them or none.

    before_each: is told the index of a statement before it is sent, and closed when its answer is there. after_each:
        is told what the server answered, while nothing is committed yet. What the three raise goes up, after an abort.
    keepers: one per statement, asked around it; () for none.
    Returns the results of those that were sent, which agree in `committed`; the last has the error, if there is one.
    """
    opening = _Run(connection, b"", start)
    opening.begin()
    if opening.error is not None:
        opening.close_failed()
        return [opening.finish(flavor)]
    runs: list[_Run] = []
    try:
        for index, (text, marker) in enumerate(statements):
            run = _Run(connection, marker.encode() + text.encode(), start)
            runs.append(run)
            with before_each(index):
                run.apply_kept(keepers[index] if keepers else None)
            if run.error is not None:
                break
            after_each(index, run.result())
        else:
            faults.point("stmt_done_before_commit")
            before_commit()
    except BaseException:
        runs[-1].abort()
        raise
    last = runs[-1]
    if last.error is None:
        last.commit()
    else:
        last.close_failed()
    for run in runs:
        run.commit_sent, run.committed = last.commit_sent, last.committed
    return last.finish_all(flavor, runs)


@dataclass(slots=True)
class _Run:
    """One statement on its way; the fields are those of StatementResult."""

    connection: Any
    statement: bytes
    start: StatementStart
    affected_rows: int | None = None
    matched_rows: int | None = None
    warnings: list[ServerWarning] = field(default_factory=list)
    seconds: float = 0.0
    error: tuple[int, str] | None = None
    commit_sent: bool = False
    committed: bool | None = None

    def in_transaction(self, before_commit: Callable[[], None], keeper: Keeper | None) -> None:
        self.begin()
        if self.error is None:
            self.apply_kept(keeper)
        if self.error is not None:
            self.close_failed()
            return
        faults.point("stmt_done_before_commit")
        try:
            before_commit()
        except BaseException:
            self.abort()
            raise
        self.commit()

    def in_autocommit(self, before_commit: Callable[[], None]) -> None:
        before_commit()
        self.commit_sent = True
        self.apply()
        if self.error is None:
            self.committed = True
        elif not self.lost:
            self.committed = False

    def begin(self) -> None:
        self._send(b"START TRANSACTION")
        faults.point("after_begin")

    def apply(self) -> None:
        self._send(self.statement, counted=True, point="stmt_sent")

    def apply_kept(self, keeper: Keeper | None) -> None:
        """Send the statement, with what is kept of other rows before and after it."""
        if keeper is None:
            self.apply()
            return
        self._ask(keeper.fill)
        if self.error is None:
            self.apply()
        if self.error is None:
            self._ask(lambda: keeper.sync(self.affected_rows))
            if self.error is not None:
                self.affected_rows = self.matched_rows = None

    def _ask(self, step: Callable[[], None]) -> None:
        """Take a step around the statement; what fails there ends the transaction as its own failure would."""
        began = time.perf_counter()
        try:
            step()
        except MySQLdb.Error as error:
            self.error = error_of(error)
        except BackupError as error:
            self.error = (NOT_KEPT, str(error))
        except BaseException:
            self.abort()
            raise
        finally:
            self.seconds += time.perf_counter() - began

    def commit(self) -> None:
        self.commit_sent = True
        if self._send(b"COMMIT", point="commit_sent"):
            self.committed = True

    def finish(self, flavor: Flavor) -> StatementResult:
        """Read where the server stands now; a failed statement can have changed rows too."""
        return self.finish_all(flavor, [self])[-1]

    def finish_all(self, flavor: Flavor, runs: Sequence[_Run]) -> list[StatementResult]:
        """As `finish`, for all that ran in one transaction."""
        end = gtid = None
        if not self.lost:
            # The outcome is known already: a connection that breaks only now does not change it.
            with contextlib.suppress(MySQLdb.Error):
                gtid = read_last_gtid(self.connection, flavor)
                end = read_coordinates(self.connection, flavor)
        return [run.result(gtid, end) for run in runs]

    def result(self, gtid: str | None = None, end: BinlogCoordinates | None = None) -> StatementResult:
        return StatementResult(
            start_at=self.start,
            affected_rows=self.affected_rows,
            matched_rows=self.matched_rows,
            warnings=tuple(self.warnings),
            execute_seconds=self.seconds,
            gtid_after=gtid,
            end=end,
            error=self.error,
            commit_sent=self.commit_sent,
            committed=self.committed,
        )

    @property
    def lost(self) -> bool:
        return self.error is not None and is_lost(self.error[0])

    def close_failed(self) -> None:
        if not self.lost and self.abort():
            self.committed = False

    def abort(self) -> bool:
        """Send ROLLBACK; whether the server did it. A lost session is aborted by the server itself."""
        try:
            self.connection.query(b"ROLLBACK")
            # MariaDB's list still has the statement's own errors in it.
            self.warnings += [warning for warning in _read_warnings(self.connection) if warning.code == NOT_ABORTED]
        except MySQLdb.Error as error:
            self.error = self.error or error_of(error)
            return False
        return True

    def _send(self, sql: bytes, *, counted: bool = False, point: str = "") -> bool:
        """Send one statement and take all of its answer; False, with `error` set, when it failed.

        point: of a fault between the two.
        """
        began = time.perf_counter()
        try:
            with whole_answer(self.connection):
                exchange(self.connection, sql, point)
                # Before the rest of the answer is taken: asking for a next result sets both back.
                affected, info = self.connection.affected_rows(), self.connection.info()
                returned = _discard_rows(self.connection)
            if counted:
                self.affected_rows = affected if returned is None else returned
                self.matched_rows = _parse_matched(info)
        except MySQLdb.Error as error:
            self.error = error_of(error)
        finally:
            self.seconds += time.perf_counter() - began
        if counted and not self.lost:
            self._keep_warnings()
        return self.error is None

    def _keep_warnings(self) -> None:
        try:
            self.warnings += _read_warnings(self.connection)
        except MySQLdb.Error as error:
            # A KILL QUERY that came too late meets this question; it says nothing about the statement.
            if is_lost(error_of(error)[0]):
                self.error = self.error or error_of(error)


def _discard_rows(connection: Any) -> int | None:
    """Read and forget the rows that INSERT or DELETE … RETURNING gives; None when there was no such answer.

    Unread rows would put the next statement out of step.
    """
    count: int | None = None
    while True:
        result = _mysql.result(connection, True, {}) if connection.field_count() else None
        if result is not None:
            count = count or 0
            while rows := result.fetch_row(DISCARD_BLOCK_ROWS):
                count += len(rows)
        if connection.next_result() != 0:
            return count


def _parse_matched(info: Any) -> int | None:
    match = _MATCHED.match(info.encode() if isinstance(info, str) else info or b"")
    return int(match[1]) if match else None


def _read_warnings(connection: Any) -> list[ServerWarning]:
    # As bytes: a message that quotes a value may be cut inside a character, and must not stop the record.
    connection.query(f"SHOW WARNINGS LIMIT {MOST_WARNINGS}".encode())
    rows = _mysql.result(connection, False, {}).fetch_row(0)
    return [
        ServerWarning(level.decode(), int(code), message.decode("utf-8", "replace")) for level, code, message in rows
    ]

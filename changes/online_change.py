"""A statement that the target's online tool makes: watched while it copies, let swap when all is as approved.

Its record says at every moment what is known: `sent` while the tool copies, which changes nothing that anybody sees;
`commit_sent` before it may swap the tables; the outcome by what the table is afterwards. The ticket's lock on the
server is held by our session all the while, and the tool's sessions are refused without it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import MySQLdb
from django.conf import settings
from django.utils import timezone

from backups import faults
from backups.errors import DefinitionError
from backups.rollback.ddl import digest
from backups.rollback.definitions import TableDefinition
from changes import keeping, online_server, online_tool, runner, schema_change, targets
from changes.attempt import lock_name
from changes.content import approved_entry
from changes.definitions import load_recorded, parse_definitions, read_definitions
from changes.errors import UnheardError
from changes.judgement import judge_online
from changes.models import ExecutedStatement
from changes.online_command import NAMES, OnlinePlan, make_plan
from changes.online_output import OnlineOutput
from changes.online_server import OnlineError
from changes.online_tool import OnlineTool
from changes.run import Run
from changes.statements import Statement
from changes.states import BackupState, Outcome

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
ASK_SECONDS = 1.0
"""How often wishes are read and progress is written; the latter only when it is another."""
PING_SECONDS = 20.0
EXPLAIN_FORMAT_SINCE = (8, 0, 32)


class _EndedError(Exception):
    """The tool must not go on; the text is the reason. is_asked: a person wanted it."""

    def __init__(self, reason: str, *, is_asked: bool = False) -> None:
        super().__init__(reason)
        self.is_asked = is_asked


def plan(run: Run, statement: Statement, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return, for the statement's record, what the tool will be told; {} for a statement that the server makes.

    definitions: as they are now, as schema_change.read_before gave them.
    Raises OnlineError when the tool cannot be had on this worker or its names are taken, MySQLdb.Error.
    """
    approved = approved_entry(run.ticket, statement.number).get("online")
    if not approved:
        return {}
    name = NAMES.get(approved["tool"], approved["tool"])
    if not _find_program(approved["tool"]):
        raise OnlineError(
            f"Found: this worker has no {name}. Needed: it was approved that {name} makes the change. Install it and"
            f" set online.{approved['tool']} in the worker's config.toml, then run the ticket again."
        )
    assert statement.facts is not None
    use = statement.facts.written[0]
    made = make_plan(
        approved,
        use.schema or run.ticket.schema_name,
        use.table,
        installation=run.execution.installation,
        execution_id=run.execution.pk,
        seq=statement.number,
    )
    # The rules let the tool have this change for the table that they saw; another one's values it might cut.
    if approved.get("before", _mark_before(definitions, made)) != _mark_before(definitions, made):
        raise OnlineError(
            f"Found: {made.table} is not as it was to be before this statement. Needed: the table for which it was"
            f" approved that {name} changes it. Check the ticket again."
        )
    online_server.require_free(run.session.connection, made)
    if child := _find_children(run, made):
        raise OnlineError(f"Found: {child}. Needed: none, since {name} puts the table away. Check the ticket again.")
    return {"plan": made.to_dict(), "open": True}


def _find_program(tool: str) -> str:
    return str(getattr(settings.INCEPTION.online, tool, ""))


def _mark_before(definitions: Mapping[str, Any], made: OnlinePlan) -> str:
    """Return the digest of the table before the change."""
    return digest(parse_definitions(load_recorded(definitions["objects"])).get((made.schema, made.table)))


def _find_children(run: Run, made: OnlinePlan) -> str:
    facts = run.session.facts
    return keeping.find_children(run.session.connection, facts.flavor, facts.grants, (made.schema, made.table))


def load_plan(record: ExecutedStatement) -> OnlinePlan:
    return OnlinePlan.from_dict(record.online["plan"])


def run_online(run: Run, statement: Statement, record: ExecutedStatement) -> None:
    """Let the tool make the statement; its record says what became of it. Raises UnheardError.

    Nobody waits for it but at the swap, so the target's time for a statement is not its limit.
    """
    made = load_plan(record)
    began = time.monotonic()
    ended: _EndedError | None = None
    try:
        with _started(run, made) as tool:
            faults.point("online_started")
            _Watch(run, record, made, tool).follow()
    except _EndedError as error:
        ended = error
    except MySQLdb.Error as error:
        raise UnheardError from error  # our session is lost, and the ticket's lock with it
    faults.point("online_ended")
    _settle(run, statement, record, ended, time.monotonic() - began)


@contextlib.contextmanager
def _started(run: Run, made: OnlinePlan) -> Any:
    online, target = settings.INCEPTION.online, run.ticket.target
    limits = {
        "lock_wait_seconds": str(target.lock_wait_seconds),
        "max_load": online.max_load,
        "critical_load": online.critical_load,
        "chunk_seconds": str(online.chunk_milliseconds / 1000),
    }
    flavor = run.session.facts.flavor
    if not flavor.is_mariadb and flavor.version >= EXPLAIN_FORMAT_SINCE:
        limits["explain_format"] = "TRADITIONAL"
    try:
        with online_tool.started(
            _find_program(made.tool),
            made,
            run.session.address,
            ticket_lock=lock_name(run.execution),
            holder=run.session.facts.connection_id,
            limits=limits,
        ) as tool:
            logger.info("execution=%s tool=%s pid=%s state=started", run.execution.pk, made.tool, tool.pid)
            yield tool
    except OSError as error:
        raise _EndedError(f"{NAMES[made.tool]} could not be started: {error}") from error


@dataclass(slots=True)
class _Watch:
    """The tool while it runs."""

    run: Run
    record: ExecutedStatement
    made: OnlinePlan
    tool: OnlineTool
    output: OnlineOutput = field(default_factory=OnlineOutput)
    checked: tuple[TableDefinition, TableDefinition] | None = None
    asked_at: float = 0.0
    pinged_at: float = field(default_factory=time.monotonic)
    written: dict[str, Any] = field(default_factory=dict)

    def follow(self) -> None:
        """Return when the tool has ended by itself and well. Raises _EndedError when it must not, or did not, go on."""
        while True:
            line = self.tool.next_line(LOOK_SECONDS)
            if line is not None:
                self.output.take(line)
            code = self.tool.exit_code
            self._look_after()
            if self.output.is_altered and self.checked is None:
                self.checked = self._check_definition()
            if self.output.is_copied and self.record.outcome == Outcome.SENT and not self.tool.is_paused:
                self._let_swap()
            if code is not None:
                if code:
                    raise _EndedError(f"{NAMES[self.made.tool]} ended ({code}): {self.output.find_error()}")
                return

    def _look_after(self) -> None:
        """Give signs of life, read what people wish, and see that nothing speaks against going on."""
        if self.run.lifeline.is_lost:
            raise UnheardError
        if self.output.spoilt:
            raise _EndedError(self.output.spoilt)
        now = time.monotonic()
        if now - self.pinged_at > PING_SECONDS:
            self.run.session.connection.ping()
            self.pinged_at = now
        if now - self.asked_at < ASK_SECONDS:
            return
        self.asked_at = now
        if self.record.outcome == Outcome.SENT:
            self._heed_wishes()
        self._write_progress()

    def _heed_wishes(self) -> None:
        if self.run.attempt.is_stop_requested():
            raise _EndedError("Cancelled before the tables were swapped.", is_asked=True)
        wanted = ExecutedStatement.objects.values_list("wants_pause", flat=True).get(pk=self.record.pk)
        if wanted and not self.tool.is_paused:
            self.tool.pause()
        elif self.tool.is_paused and not wanted:
            self.tool.resume()

    def _write_progress(self) -> None:
        output = self.output
        state = "paused" if self.tool.is_paused else output.state
        progress = {
            "state": state,
            "percent": output.percent,
            "rows": output.rows_copied,
            "rows_total": output.rows_total,
            "left_seconds": output.left_seconds,
            "load": output.load,
        }
        if progress == self.written:
            return
        at = timezone.now().isoformat(timespec="seconds")
        self.run.attempt.write(self.record, progress={**progress, "at": at})
        self.written = progress

    def _check_definition(self) -> tuple[TableDefinition, TableDefinition]:
        """Return the table and the one that will take its place, which must be what was approved."""
        found = read_definitions(self.run.session.connection, [(self.made.schema, self.made.new)])
        before = parse_definitions(load_recorded(self.record.definitions_before["objects"]))
        old = before[self.made.schema, self.made.table]
        try:
            new = found[0].parse()
        except DefinitionError as error:
            raise _EndedError(f"What the tool made of the table cannot be read: {error}") from error
        if not isinstance(old, TableDefinition) or not isinstance(new, TableDefinition):
            raise _EndedError("The table that the tool fills is gone.")
        if digest(new) != self.made.after:
            raise _EndedError("What the tool made of the table is not what was approved, so it was not let go on.")
        return old, new

    def _require_unchanged(self) -> None:
        """See that nobody changed the tables while rows were copied: what is new in one would be swapped away."""
        run, made = self.run, self.made
        try:
            old, new, now = read_marks(run.session.connection, self.record)
            copy = online_server.read_digest(run.session.connection, made.schema, made.new)
            child = _find_children(run, made)
            theirs = online_server.find_other_triggers(run.session.connection, made, made.table)
        except DefinitionError as error:
            raise _EndedError(f"The tables cannot be read, so they were not swapped: {error}") from error
        if now != old:
            raise _EndedError(
                f"{made.table} is no longer as it was when this began: somebody changed it while rows were copied. The"
                " tables were not swapped. Check the ticket again."
            )
        if copy != new:
            raise _EndedError(f"{made.new} is no longer as it was to be, so the tables were not swapped.")
        if theirs:
            raise _EndedError(
                f"{made.table} has the trigger {theirs[0]} now, which would go with the table that is put away."
                " The tables were not swapped. Check the ticket again."
            )
        if child:
            raise _EndedError(f"Found before the swap: {child}. Needed: none. The tables were not swapped.")

    def _let_swap(self) -> None:
        """See that no row was lost, write that the tables are swapped now, and say so to the tool."""
        self._write_progress()
        if self.checked is None:
            raise _EndedError("The tool copied rows before its new table was seen.")
        columns = online_server.build_comparable(*self.checked)
        try:
            with self.run.limit():
                difference = online_server.compare_rows(self.run.session.connection, self.made, columns)
        except MySQLdb.Error as error:
            number, text = targets.error_of(error)
            if runner.is_lost(number):
                raise
            raise _EndedError(f"The copy could not be compared with the table ({number}: {text}).") from error
        if difference:
            raise _EndedError(f"The copy is not the table: {difference}. The tables were not swapped.")
        self._require_unchanged()
        self._heed_wishes()
        if self.tool.is_paused:
            return  # compared again once it goes on
        self.run.attempt.write(self.record, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now())
        faults.point("online_before_swap")
        self.output.state = "swapping"
        self._write_progress()
        self.tool.allow_swap()


def _settle(
    run: Run, statement: Statement, record: ExecutedStatement, ended: _EndedError | None, seconds: float
) -> None:
    """Write what became of the statement, by what the table is now; drop what is left of the tool."""
    connection, made = run.session.connection, load_plan(record)
    try:
        online_server.end_sessions(connection, made)
        judgement = judge_online(Outcome(record.outcome), *read_marks(connection, record))
        if judgement.outcome == Outcome.UNKNOWN:
            raise UnheardError
        fields: dict[str, Any] = {"execute_seconds": seconds, "wants_pause": False}
        if judgement.outcome == Outcome.DONE:
            fields |= _end_fields(run, statement, record)
            if ended is not None:
                fields["warnings"] = [["Note", 0, str(ended)]]
        else:
            reason = str(ended) if ended else "The tool ended without swapping the tables."
            outcome = Outcome.ABORTED if ended is not None and ended.is_asked else Outcome.FAILED
            fields |= {"outcome": outcome, "error": reason, "backup_state": _none(run)}
        # Before the cleaning: what is left then is still on record.
        run.attempt.write(record, **fields)
        finish_cleaning(run.attempt, connection, record)
    except (OnlineError, DefinitionError, MySQLdb.Error) as error:
        raise UnheardError from error


def _none(run: Run) -> BackupState:
    return BackupState.NONE if run.ticket.backup else BackupState.OFF


def _end_fields(run: Run, statement: Statement, record: ExecutedStatement) -> dict[str, Any]:
    connection, flavor = run.session.connection, run.session.facts.flavor
    end = targets.read_coordinates(connection, flavor)
    return {
        "outcome": Outcome.DONE,
        "executed_at": timezone.now(),
        **runner.build_end_fields(end, targets.read_last_gtid(connection, flavor)),
        "backup_state": BackupState.PENDING if run.ticket.backup else BackupState.OFF,
        **schema_change.end_done(run, statement, record),
    }


def read_marks(connection: Any, record: ExecutedStatement) -> tuple[str, str, str]:
    """Return digests of the table before the change, as it must be after it, and as it is now.

    Raises MySQLdb.Error, DefinitionError.
    """
    made = load_plan(record)
    old = _mark_before(record.definitions_before, made)
    return old, made.after, online_server.read_digest(connection, made.schema, made.table)


def must_clean(record: ExecutedStatement) -> bool:
    """Whether it is known what became of the statement, and the tool's tables and triggers may still be there."""
    settled = (Outcome.DONE, Outcome.FAILED, Outcome.ABORTED)
    return bool(record.online.get("open")) and record.outcome in settled


def finish_cleaning(attempt: Any, connection: Any, record: ExecutedStatement) -> None:
    """Drop what the tool left of a statement that is settled, and write that nothing is left.

    Raises OnlineError, MySQLdb.Error, DefinitionError.
    """
    made = load_plan(record)
    before = _mark_before(record.definitions_before, made)
    online_server.clean_up(connection, made, before=before, swapped=record.outcome == Outcome.DONE)
    attempt.write(record, online={**record.online, "open": False})


def describe_left(record: ExecutedStatement) -> str:
    """Say what the tool may have left, for people."""
    made: Mapping[str, Any] = record.online.get("plan", {})
    names = [made.get("new", ""), *made.get("triggers", ())]
    return ", ".join(name for name in names if name)

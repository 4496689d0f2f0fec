"""What a schema change needs around it: the definitions before, its data set aside, and both again when it failed."""

from __future__ import annotations

import contextlib
from typing import Any

import MySQLdb
from django.utils import timezone

from backups import faults
from backups.errors import BackupError, DefinitionError
from changes import ddl_undo, keeping, kept_data, runner, size_policy, table_changes, targets
from changes.content import approved_entry
from changes.errors import NotSentError, UnheardError
from changes.models import ExecutedStatement
from changes.run import Run
from changes.statements import Statement
from changes.states import BackupState, Outcome


def read_before(run: Run, statement: Statement) -> dict[str, Any]:
    """Return what has to be known from before a schema change to undo it.

    Raises NotSentError when its table has grown too large for it, BackupError, MySQLdb.Error.
    """
    connection, schema_name = run.session.connection, run.ticket.schema_name
    before = ddl_undo.read_before(connection, statement, schema_name)
    approved = approved_entry(run.ticket, statement.number)
    if approved.get("makes_wait") and not approved.get("online"):
        _require_small(run, statement)
    ddl_undo.require_seen(before, schema_name, approved.get("seen", {}))
    if approved.get("keeps"):
        kept_schema = keeping.name_schema(run.execution.installation, run.execution.pk, statement.number)
        request = keeping.Request(
            run.session.facts, statement, schema_name, kept_schema, run.ticket.target.most_copied_mib
        )
        before["kept"] = keeping.require(connection, request, before, approved.get("keeps_columns", ()))
    return before


def _require_small(run: Run, statement: Statement) -> None:
    """See that the table is still small enough for a change for which others wait. Raises NotSentError."""
    limit = run.ticket.target.most_rewritten_mib
    size = table_changes.read_size(run.session.connection, run.session.facts, statement, run.ticket.schema_name)
    if limit and size is not None and size.size_bytes > limit * size_policy.MIB:
        assert statement.facts is not None
        raise NotSentError(size_policy.explain_growth(statement.facts.written[0].table, size.size_bytes, limit))


def set_aside(run: Run, record: ExecutedStatement) -> runner.StatementStart | None:
    """Keep what the statement takes away, and write the intent anew: what that logged is not the statement's.

    None, with the reason written, when it cannot be kept. Raises UnheardError when the connection was lost meanwhile.
    """
    connection, before = run.session.connection, record.definitions_before
    try:
        kept_data.begin(connection, before)
        start = runner.read_start(connection, run.session.facts.flavor)
    except (MySQLdb.Error, DefinitionError) as error:
        reason = str(error).rstrip(".")
        if isinstance(error, MySQLdb.Error):
            number, text = targets.error_of(error)
            if runner.is_lost(number):
                raise UnheardError from error
            reason = f"{number}: {text}"
        said = f"What it takes away could not be set aside, so it was not sent ({reason})."
        run.attempt.write(record, outcome=Outcome.ABORTED, error=said)
        bring_back(run, record)
        return None
    run.attempt.write(
        record,
        outcome=Outcome.COMMIT_SENT,
        commit_sent_at=timezone.now(),
        **start.fields,
    )
    faults.point("after_intent")
    return start


def end_done(run: Run, statement: Statement, record: ExecutedStatement) -> dict[str, Any]:
    """Return the fields that say what undoes a statement that is done, and let go of its tables."""
    connection, before = run.session.connection, record.definitions_before
    try:
        inverse = ddl_undo.finish(connection, statement, run.ticket.schema_name, before)
    finally:
        if before.get("kept"):
            with contextlib.suppress(MySQLdb.Error):  # a session that is gone holds no tables
                kept_data.release(connection)
    return {"undo_statements": list(inverse.statements), "undo_missing": inverse.missing}


def end_failed(run: Run, record: ExecutedStatement, fields: dict[str, Any]) -> None:
    """Bring back what was set aside for a statement that failed, and look whether it changed something all the same."""
    if record.definitions_before.get("kept"):
        # First of all on record: what bringing back logs must not be taken for the statement.
        run.attempt.write(record, **fields | {"outcome": Outcome.ABORTED})
        bring_back(run, record)
        return
    try:
        left = ddl_undo.find_difference(run.session.connection, record.definitions_before)
    except (MySQLdb.Error, BackupError):
        left = ""  # the server said that it failed; what it left is not to be seen just now
    if left:
        fields["outcome"] = Outcome.FAILED_PARTIAL
        fields |= {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": f"It failed, and yet: {left}."}
    run.attempt.write(record, **fields)


def bring_back(run: Run, record: ExecutedStatement) -> None:
    """Raises UnheardError when that does not work at once: then recovery goes on until it does."""
    try:
        left = kept_data.bring_back(run.session.connection, record.definitions_before)
    except MySQLdb.Error as error:
        raise UnheardError from error
    if left:
        raise UnheardError
    run.attempt.write(record, definitions_before={**record.definitions_before, "kept": []})

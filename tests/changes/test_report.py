"""What a script is told of an execution that is not settled when the command ends."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from changes import report
from changes.models import ExecutedStatement, Execution
from changes.report import ExitStatus
from tests.changes.pages import PageTestCase, make_run, make_unfinished


class ReportTests(PageTestCase):
    def test_it_says_that_a_backup_waits_and_exits_with_4(self) -> None:
        again = timezone.now() + timedelta(seconds=8)
        records = make_unfinished(
            self.ticket, ["done", "waiting"], backup="pending", evidence={"backup": "db9 is down."}, look_again_at=again
        )
        ExecutedStatement.objects.filter(pk=records[0].pk).update(backup_state="pending")
        execution = Execution.objects.select_related("ticket").get()
        told = report.describe_run(execution)
        assert report.judge(execution) == ExitStatus.NOT_PROTECTED
        assert told["unfinished"] == {
            "what": "backup",
            "reason": "db9 is down.",
            "next_look_at": again.isoformat(timespec="seconds"),
        }
        assert "its backup waits: db9 is down." in report.render_run(told)
        assert "manage.py reconcile looks again; do not run it again before that." in report.render_run(told)

    def test_it_says_that_nobody_knows_the_outcome_and_exits_with_4(self) -> None:
        make_unfinished(self.ticket, ["unknown"], state="unknown", evidence={"trouble": "The binlog was purged."})
        execution = Execution.objects.select_related("ticket").get()
        told = report.describe_run(execution)
        assert report.judge(execution) == ExitStatus.NOT_PROTECTED
        assert told["unfinished"]["what"] == "outcome"
        assert told["unfinished"]["next_look_at"] is None
        assert "A person decides on the ticket's page" in report.render_run(told)

    def test_it_tells_aborted_statements_and_tries(self) -> None:
        tried = [{"at": "2026-11-26T00:00:00+00:00", "error": "1213: Deadlock found"}]
        execution = make_run(self.ticket, state="failed", backup="none", outcome="aborted", retries=tried)
        told = report.describe_run(execution)
        assert told["statements"][0]["outcome"] == "aborted"
        assert told["statements"][0]["retries"] == tried
        assert told["unfinished"] is None
        assert "tried again 1 time(s) after 1213: Deadlock found" in report.render_run(told)
        assert report.judge(execution) == ExitStatus.STATEMENT_FAILED

    def test_it_is_done_with_0(self) -> None:
        execution = make_run(self.ticket)
        assert report.judge(execution) == ExitStatus.DONE
        assert report.describe_run(execution)["unfinished"] is None

"""An outcome that nobody knows, and a backup that waits: what the page shows, and who may do what about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from changes.models import Activity, ExecutedStatement, Execution, Ticket
from changes.states import BackupState, Outcome, TicketState
from tests.changes.pages import PageTestCase, make_unfinished

IDENTITY = "uuid=7e3f server_id=1 hostname=db1"
EVIDENCE = {
    "looked_at": "2026-11-26T00:10:00+00:00",
    "server": IDENTITY,
    "connection_id": 17,
    "from": "bin.000004:1234",
    "to": "bin.000005:99",
    "restarts": 1,
    "transactions": [{"start": "bin.000004:1300", "end": "bin.000004:1900", "gtid": "0-1-42", "statements": [1]}],
    "trouble": "the binlog was purged.",
}


class UnknownTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        outcomes = ["done", "unknown", "not_run"]
        self.records = make_unfinished(
            self.ticket, outcomes, state="unknown", evidence=EVIDENCE, looks=3, server_identity=IDENTITY
        )

    def decide(self, person: Any, **data: str) -> str:
        return self.said(self.post(person, "decide_outcome", **data))

    def test_it_shows_the_evidence_in_words_to_whoever_may_look(self) -> None:
        text = self.page(self.cy)
        for words in (
            "Nobody knows whether statement 2 took effect",
            "The binlog was purged.",
            "from bin.000004:1234 to bin.000005:99",
            "1 transaction",
            "0-1-42",
            "db1, 10.11.19-MariaDB, server_id 1",
            "connection 17",
            "1 time since then",
            "3 times",
            "none by itself; a person decides",
        ):
            assert words in text, words

    def test_it_gives_commands_to_look_with_and_no_password(self) -> None:
        text = self.page(self.dana)
        numbers = f"ticket={self.ticket.pk} execution={self.records[0].execution_id}"
        marker = f"/* inception 0badf00d {numbers} statement="
        assert marker in text
        assert "SHOW BINLOG EVENTS IN &#x27;bin.000004&#x27; FROM 1234" in text
        assert "mariadb-binlog --read-from-remote-server --host=127.0.0.1 --port=3307" in text
        assert "PROCESSLIST WHERE ID = 17;" in text

    def test_it_lets_only_dbas_decide_and_tells_others_whom_to_ask(self) -> None:
        assert "/decide_outcome/" in self.page(self.dana)
        for person in (self.ann, self.ben, self.cy):
            text = self.page(person)
            assert "/decide_outcome/" not in text
            assert "ask an administrator for the group DBAs" in text
            assert "You may not decide" in self.decide(person, applied="yes", reason="I saw it.")
        assert self.post(self.dan, "decide_outcome", applied="yes", reason="x").status_code == 403
        assert self.state_of(self.ticket) == TicketState.UNKNOWN

    def test_it_decides_nothing_without_a_reason_or_a_choice(self) -> None:
        assert "needs a reason" in self.decide(self.dana, applied="yes", reason="  ")
        assert "Choose what you found" in self.decide(self.dana, reason="I saw it.")
        assert "Choose what you found" not in self.decide(self.dana, applied="maybe", reason="I saw it.")
        assert self.state_of(self.ticket) == TicketState.UNKNOWN

    def test_it_writes_that_it_took_effect_with_name_and_reason(self) -> None:
        assert "it took effect" in self.decide(self.dana, applied="yes", reason="Its rows are in the table.")
        self.records[1].refresh_from_db()
        assert (self.records[1].outcome, self.records[1].decided_by) == (Outcome.DONE, self.dana)
        assert self.records[1].backup_state == BackupState.IMPOSSIBLE
        assert self.state_of(self.ticket) == TicketState.PARTLY_DONE
        assert "Its rows are in the table." in Activity.objects.get(verb="decided").text
        assert "decided by dana" in self.page(self.cy)

    def test_it_writes_that_it_did_not(self) -> None:
        assert "it did not take effect" in self.decide(self.dana, applied="no", reason="Nothing is there.")
        self.records[1].refresh_from_db()
        assert self.records[1].outcome == Outcome.ABORTED
        assert self.state_of(self.ticket) == TicketState.PARTLY_DONE

    def test_it_is_decided_once(self) -> None:
        self.decide(self.dana, applied="no", reason="Nothing is there.")
        assert "there is nothing to decide" in self.decide(self.dana, applied="yes", reason="Or is it?")
        self.records[1].refresh_from_db()
        assert self.records[1].outcome == Outcome.ABORTED

    def test_it_looks_again_when_a_dba_asks_even_where_no_look_was_due(self) -> None:
        assert "Only a DBA" in self.said(self.post(self.ann, "look_again"))
        assert Execution.objects.get().look_again_at is None
        self.post(self.dana, "look_again")
        assert Execution.objects.get().look_again_at is not None
        response = self.look(self.dana, "changes_ticket_progress", self.ticket.pk)
        assert 'hx-trigger="every 2s"' in response.content.decode()

    def test_it_keeps_what_is_being_typed_when_the_page_renews_itself(self) -> None:
        Execution.objects.update(look_again_at=timezone.now() + timedelta(minutes=5))
        text = self.look(self.dana, "changes_ticket_progress", self.ticket.pk).content.decode()
        assert 'id="decide-outcome" hx-preserve="true"' in text
        assert 'hx-trigger="every 15s"' in text

    def test_it_promises_nothing_of_what_is_not_known(self) -> None:
        Ticket.objects.update(backup_state="complete")
        ExecutedStatement.objects.filter(outcome="unknown").update(outcome="commit_sent")
        text = self.page(self.cy)
        assert ">protected</span>" not in text
        assert ">can be undone</span>" not in text.split('id="sql"')[0]
        assert ">committing</span>" not in text

    def test_it_rolls_nothing_back_before_it_is_decided(self) -> None:
        Ticket.objects.update(backup_state="complete")
        assert "can be put back once it is decided" in self.page(self.dana)
        assert "decided before anything is rolled back" in self.said(self.post(self.dana, "rollback"))
        assert not Ticket.objects.filter(rolls_back=self.ticket).exists()

    def test_it_says_what_is_known_when_the_server_never_answered(self) -> None:
        Execution.objects.update(evidence={"trouble": "The server does not answer."}, server_version="8.4.3")
        text = self.page(self.dana)
        assert "The server does not answer." in text
        assert "not read; the statement began after bin.000004:1234" in text
        assert "mysqlbinlog --read-from-remote-server" in text
        assert "thread_id=17" in text


class PendingTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        again = timezone.now() + timedelta(minutes=4)
        evidence = {"backup": "(2003, 'The backup server db9 does not answer')"}
        self.records = make_unfinished(
            self.ticket,
            ["done", "waiting"],
            backup="pending",
            evidence=evidence,
            looks=5,
            look_again_at=again,
            binlog_facts={"retention_seconds": 864000},
        )
        self.committed = timezone.now() - timedelta(minutes=10)
        ExecutedStatement.objects.filter(pk=self.records[0].pk).update(
            backup_state="pending", executed_at=self.committed, affected_rows=12
        )

    def test_it_shows_what_waits_why_since_when_and_until_when(self) -> None:
        text = self.page(self.dana)
        for words in (
            "The change is made, its backup is not",
            "The backup server db9 does not answer",
            "statement 1, 12 rows",
            "10 min ago",
            "5 times",
            "in 4 min",
            f"at least until {self.committed + timedelta(days=10):%Y-%m-%d %H:%M} UTC",
        ):
            assert words in text, words
        assert ">backup pending</span>" in text

    def test_it_does_not_invent_how_long_the_binlog_is_kept(self) -> None:
        Execution.objects.update(binlog_facts={})
        assert "not known; look at bin.000004" in self.page(self.cy)
        Execution.objects.update(binlog_facts={"retention_seconds": None})
        assert "purges nothing by its age" in self.page(self.cy)
        Execution.objects.update(binlog_facts={"retention_seconds": 60})
        assert "may be purged at any moment" in self.page(self.cy)

    def test_it_tries_again_now_for_a_dba(self) -> None:
        self.post(self.ben, "look_again")
        assert Execution.objects.get().look_again_at > timezone.now()
        self.post(self.dana, "look_again")
        assert Execution.objects.get().look_again_at <= timezone.now()

    def test_it_gives_the_backup_up_for_a_dba_with_a_reason(self) -> None:
        assert "/give_up_backup/" not in self.page(self.ann)
        assert "You may not give up" in self.said(self.post(self.ann, "give_up_backup", reason="Enough."))
        assert "needs a reason" in self.said(self.post(self.dana, "give_up_backup", reason=" "))
        assert self.state_of(self.ticket) == TicketState.RUNNING
        assert "The backup is given up" in self.said(self.post(self.dana, "give_up_backup", reason="Its disk burnt."))
        self.records[0].refresh_from_db()
        assert self.records[0].backup_state == BackupState.INCOMPLETE
        assert "Its disk burnt." in self.records[0].backup_reason
        assert self.state_of(self.ticket) == TicketState.PARTLY_DONE

    def test_it_gives_nothing_up_while_somebody_tries(self) -> None:
        Execution.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
        assert "under way" in self.page(self.dana)
        assert "Somebody is looking into this" in self.said(self.post(self.dana, "give_up_backup", reason="Enough."))
        assert Ticket.objects.get(pk=self.ticket.pk).backup_state == BackupState.PENDING

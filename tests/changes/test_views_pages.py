"""Each page, seen by each of the cast."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from changes import actions
from changes.models import ExecutedStatement, Execution, Ticket
from changes.problems import Problem
from tests.changes.pages import SECRET, PageTestCase, make_run
from tests.changes.people import make_person, make_ticket, patch_inspection

WARNING = Problem("table.large", "warning", "Table shop.product is large.", "Time.", "Run it at night.", statement=0)


class AccessTests(PageTestCase):
    TICKET_PAGES = ("changes_ticket_change", "changes_ticket_progress", "changes_ticket_sql", "changes_ticket_edit")

    def test_it_leads_everybody_without_a_login_to_the_login(self) -> None:
        for name in self.TICKET_PAGES:
            response = self.look(None, name, self.ticket.pk)
            assert response.status_code == 302
            assert "/login/" in response["Location"]

    def test_it_shows_tickets_to_whoever_may_look(self) -> None:
        for person in (self.ann, self.ben, self.cy, self.dana):
            assert self.look(person, "changes_ticket_change", self.ticket.pk).status_code == 200
            assert self.look(person, "changes_ticket_changelist").status_code == 200
            assert self.look(person, "changes_ticket_sql", self.ticket.pk).content.decode() == self.ticket.sql

    def test_it_refuses_a_stranger_with_the_reason(self) -> None:
        for name in (*self.TICKET_PAGES, "changes_ticket_rollback_preview", "changes_ticket_history"):
            response = self.look(self.dan, name, self.ticket.pk)
            assert response.status_code == 403, name
            assert "You may not see tickets" in response.content.decode()
        assert self.look(self.dan, "changes_ticket_changelist").status_code == 403

    def test_it_tells_a_stranger_on_the_desk_whom_to_ask_and_names_no_ticket(self) -> None:
        text = self.look(self.dan, "index").content.decode()
        assert "Ask an administrator" in text
        assert self.ticket.title not in text

    def test_it_says_in_words_that_there_is_no_such_ticket(self) -> None:
        response = self.look(self.ann, "changes_ticket_change", 999999)
        assert response.status_code == 404
        assert "There is nothing at this address" in response.content.decode()

    def test_it_lets_only_submitters_open_a_new_ticket(self) -> None:
        assert self.look(self.ann, "changes_ticket_add").status_code == 200
        assert self.look(self.cy, "changes_ticket_add").status_code == 403
        assert self.look(self.ben, "changes_ticket_add").status_code == 403

    def test_it_leads_who_may_not_edit_back_to_the_ticket(self) -> None:
        response = self.look(self.cy, "changes_ticket_edit", self.ticket.pk)
        assert response.status_code == 302
        assert response["Location"] == self.ticket.get_absolute_url()

    def test_it_never_deletes_a_ticket(self) -> None:
        client = Client()
        client.force_login(make_person("root", is_superuser=True))
        assert client.post(f"/changes/ticket/{self.ticket.pk}/delete/").status_code == 404

    def test_it_never_sends_the_targets_password(self) -> None:
        make_run(self.ticket)
        root = make_person("root", is_superuser=True)
        pages = [("index", ()), ("changes_ticket_changelist", ()), ("changes_ticket_add", ())]
        pages += [(name, (self.ticket.pk,)) for name in self.TICKET_PAGES]
        pages += [("changes_target_change", (self.target.pk,)), ("changes_target_changelist", ())]
        for name, args in pages:
            text = self.look(root, name, *args).content.decode()
            assert SECRET not in text, name
            assert self.target.password_encrypted not in text, name


class TicketPageTests(PageTestCase):
    def test_it_offers_the_decision_only_to_who_may_decide(self) -> None:
        decision = f'action="/changes/ticket/{self.ticket.pk}/approve/"'
        assert decision in self.page(self.ben)
        assert decision in self.page(self.dana)
        assert decision not in self.page(self.ann)
        assert decision not in self.page(self.cy)

    def test_it_says_what_blocks_each(self) -> None:
        assert "You submitted this ticket; somebody else must decide." in self.page(self.ann)
        assert "ask an administrator for the group Approvers" in self.page(self.cy)

    def test_it_carries_the_hash_that_a_decision_is_bound_to(self) -> None:
        assert f'name="content_hash" value="{self.ticket.content_hash}"' in self.page(self.ben)

    def test_it_shows_findings_beside_their_statement_and_escapes_them(self) -> None:
        nasty = Problem("x", "error", "<script>alert(1)</script>", "Nothing.", "", statement=0, line=1)
        with patch_inspection((nasty, WARNING)):
            ticket = actions.create_ticket(self.fields("<b>Title</b>"), by=self.ann)
        text = self.page(self.ann, ticket)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<b>Title</b>" not in text
        assert text.index("Run it at night.") > text.index('id="statement-1"')
        assert "1 error, 1 warning" in text

    def fields(self, title: str) -> actions.TicketFields:
        return actions.TicketFields(title=title, target=self.target, schema_name="shop", sql="UPDATE t SET a = '<i>'")

    def test_it_shows_events_records_and_archive_as_three_numbers(self) -> None:
        make_run(self.ticket, rows_archived=1233, backup="incomplete", backup_reason="One row is missing.")
        text = self.page(self.cy)
        assert "1,234 = 1,234 ≠ 1,233" in text
        assert "One row is missing." in text

    def test_it_offers_the_rollback_only_to_who_may_roll_back(self) -> None:
        make_run(self.ticket)
        preview = f'href="/changes/ticket/{self.ticket.pk}/rollback/preview/"'
        assert preview in self.page(self.ben)
        assert preview not in self.page(self.cy)

    def test_it_shows_every_statement_of_a_long_ticket_page_by_page(self) -> None:
        inspection = self.ticket.inspection
        first = inspection["statements"][0]
        inspection["statements"] = [{**first, "number": n, "text": f"UPDATE t SET a = {n}"} for n in range(450)]
        Ticket.objects.filter(pk=self.ticket.pk).update(inspection=inspection)
        seen: set[int] = set()
        for start in (0, 200, 400):
            response = self.look(self.ben, "changes_ticket_change", self.ticket.pk, query=f"?from={start}")
            text = response.content.decode()
            seen |= {n for n in range(1, 451) if f'id="statement-{n}"' in text}
            assert (f"?from={start + 200}#sql" in text) == (start < 400)
        assert seen == set(range(1, 451))

    def test_it_takes_no_damaged_page_number(self) -> None:
        for query in ("?from=-1", "?from=x", "?from=" + "9" * 30):
            assert self.look(self.ben, "changes_ticket_change", self.ticket.pk, query=query).status_code == 200

    def test_it_shows_rows_in_conflict_only_to_who_may_see_rows(self) -> None:
        conflict = {
            "schema": "shop",
            "table": "cart",
            "key": "id=88003",
            "reason": "changed",
            "before": {"id": "88003", "note": "'old'"},
            "after": {"id": "88003", "note": "'ours'"},
            "now": {"id": "88003", "note": "'theirs'"},
            "detail": "",
        }
        undo = make_ticket(self.target, by=self.dana, submitted=False, title="Undo")
        Ticket.objects.filter(pk=undo.pk).update(rolls_back=self.ticket)
        execution = make_run(undo, state="failed", backup="none")
        execution.rollback_result = {"rows_restored": 0, "conflicts": [conflict], "verified": True}
        execution.save()
        undo.refresh_from_db()
        seen = self.page(self.ben, undo)
        assert "theirs" in seen
        hidden = self.page(self.cy, undo)
        assert "theirs" not in hidden
        assert "88003" not in hidden
        assert "1 changed since" in hidden

    def test_it_says_of_a_schema_change_what_undoes_it_where_there_are_no_rows_to_count(self) -> None:
        make_run(self.ticket, kind="CREATE TABLE", rows_captured=0, records_stored=1, rows_archived=0)
        text = self.page(self.cy, self.ticket)
        assert "1 statement to undo it" in text
        assert "0 = 1" not in text
        assert "≠" not in text

    def test_it_keeps_a_fixed_number_of_queries_however_many_statements_ran(self) -> None:
        execution = make_run(self.ticket)
        before = self.count_queries(self.cy, self.ticket.get_absolute_url())
        for seq in range(1, 30):
            ExecutedStatement.objects.create(execution=execution, seq=seq, sql="x", sql_sha256="x", kind="UPDATE")
        assert self.count_queries(self.cy, self.ticket.get_absolute_url()) == before


class ProgressTests(PageTestCase):
    def test_it_stops_the_polling_of_what_is_final(self) -> None:
        make_run(self.ticket)
        response = self.look(self.cy, "changes_ticket_progress", self.ticket.pk)
        assert response.status_code == 286
        assert "hx-get" not in response.content.decode()

    def test_it_asks_again_every_second_at_first_and_seldom_later(self) -> None:
        execution = make_run(self.ticket, state="running", backup="pending")
        for age, seconds in ((5, 1), (300, 2), (1800, 5), (90000, 15)):
            Execution.objects.filter(pk=execution.pk).update(started_at=timezone.now() - timedelta(seconds=age))
            response = self.look(self.cy, "changes_ticket_progress", self.ticket.pk)
            assert response.status_code == 200
            assert f'hx-trigger="every {seconds}s"' in response.content.decode()

    def test_it_sends_the_parts_that_change_for_swapping(self) -> None:
        make_run(self.ticket, state="running", backup="pending")
        text = self.look(self.cy, "changes_ticket_progress", self.ticket.pk).content.decode()
        for part in ("head", "execution-live", "rollback-live", "activity-live", "spoken"):
            assert f'hx-swap-oob="innerHTML:#{part}"' in text

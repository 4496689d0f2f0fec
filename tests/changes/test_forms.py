from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import TestCase, override_settings
from django.utils.datastructures import MultiValueDict

from changes.content import hash_ticket
from changes.forms import RollbackForm, TicketForm, decode_sql, to_line_feeds
from tests.changes.people import make_target, make_ticket


def test_it_makes_every_line_end_a_line_feed() -> None:
    assert to_line_feeds("a\r\nb\rc\nd") == "a\nb\nc\nd"


def test_it_names_the_line_and_the_byte_that_is_not_utf8() -> None:
    with pytest.raises(Exception, match=r"Line 2 of a\.sql has byte 0xE9") as raised:
        decode_sql("SELECT 1;\nSELECT 'é'".encode("latin-1"), "a.sql")
    assert raised.value.code == "not_utf8"


class TicketFormTests(TestCase):
    def setUp(self) -> None:
        self.target = make_target()

    def build(self, ticket: Any = None, upload: bytes | None = None, **fields: str) -> TicketForm:
        data = QueryDict(mutable=True)
        values = {"target": str(self.target.pk), "schema_name": "shop", "title": "T", "reason": "R", "backup": "on"}
        data.update({**values, **fields})
        files = MultiValueDict({"sql_file": [SimpleUploadedFile("a.sql", upload)]} if upload is not None else {})
        return TicketForm(data, files, ticket=ticket)

    def sql_of(self, form: TicketForm) -> str:
        assert form.is_valid(), form.errors
        return form.fields_of_ticket.sql

    def test_it_turns_the_browsers_line_ends_back_and_keeps_blanks_at_both_ends(self) -> None:
        assert self.sql_of(self.build(sql="  DELETE FROM a;\r\n\r\n ")) == "  DELETE FROM a;\n\n "

    def test_it_keeps_every_byte_of_an_upload(self) -> None:
        assert self.sql_of(self.build(upload=b"\r\nDELETE FROM a;\r\n\t")) == "\r\nDELETE FROM a;\r\n\t"

    def test_it_keeps_the_bytes_of_an_upload_when_only_the_title_is_edited(self) -> None:
        ticket = make_ticket(self.target, submitted=False, sql="DELETE FROM a;\r\nDELETE FROM b;\n")
        form = self.build(ticket, title="Other", sql="DELETE FROM a;\r\nDELETE FROM b;\r\n")
        assert self.sql_of(form) == "DELETE FROM a;\r\nDELETE FROM b;\n"

    def test_it_takes_a_text_with_nul_since_the_check_says_where_it_is(self) -> None:
        assert self.sql_of(self.build(sql="SELECT\x001")) == "SELECT\x001"

    def test_it_takes_an_empty_text_since_a_draft_may_be_unfinished(self) -> None:
        assert self.sql_of(self.build(sql="")) == ""

    def test_a_loss_is_accepted_by_a_tick_only(self) -> None:
        for fields, accepted in (({}, False), ({"accepts_loss": "on"}, True)):
            form = self.build(**fields)
            assert form.is_valid(), form.errors
            assert form.fields_of_ticket.accepts_loss is accepted

    def test_an_accepted_loss_is_part_of_what_is_approved(self) -> None:
        ticket = make_ticket(self.target)
        before = hash_ticket(ticket)
        ticket.accepts_loss = True
        assert hash_ticket(ticket) != before

    def test_it_refuses_a_file_beside_typed_sql(self) -> None:
        form = self.build(sql="DELETE FROM a", upload=b"DELETE FROM b")
        assert "There is SQL in the box and a file" in str(form.errors["sql_file"])

    def test_it_lets_a_file_replace_the_stored_sql(self) -> None:
        ticket = make_ticket(self.target, submitted=False, sql="DELETE FROM a")
        assert self.sql_of(self.build(ticket, sql="DELETE FROM a", upload=b"DELETE FROM b")) == "DELETE FROM b"

    def test_it_puts_an_uploaded_text_in_the_box_when_another_field_is_wrong(self) -> None:
        form = self.build(title="", upload=b"DELETE FROM b;\n")
        assert not form.is_valid()
        assert form["sql"].value() == "DELETE FROM b;\n"

    def test_it_asks_for_the_file_again_when_a_box_would_change_its_line_ends(self) -> None:
        form = self.build(title="", upload=b"DELETE FROM b;\r\n")
        assert "Choose the file again" in str(form.errors["sql_file"])
        assert form["sql"].value() is None

    def test_it_refuses_a_file_that_is_not_utf8(self) -> None:
        assert "0xFF" in str(self.build(upload=b"\xff\xfe").errors["sql_file"])

    def test_it_refuses_more_than_the_size_limit_typed_or_uploaded(self) -> None:
        site = replace(settings.INCEPTION.site, max_sql_bytes=10)
        with override_settings(INCEPTION=replace(settings.INCEPTION, site=site)):
            assert "at most 10 bytes" in str(self.build(sql="ä" * 6).errors["sql"])
            assert "at most 10 bytes" in str(self.build(upload=b"x" * 11).errors["sql_file"])
            assert self.build(sql="ä" * 5).is_valid()

    def test_it_wants_a_reason_when_the_backup_is_off(self) -> None:
        assert "no_backup_reason" in self.build(backup="off").errors
        form = self.build(backup="off", no_backup_reason="staging")
        assert form.is_valid()
        assert form.fields_of_ticket.backup is False

    def test_it_offers_an_inactive_target_only_to_the_ticket_that_has_it(self) -> None:
        ticket = make_ticket(self.target, submitted=False)
        self.target.is_active = False
        self.target.save()
        assert "target" in self.build().errors
        assert self.build(ticket).is_valid()

    def test_it_reads_the_time_as_utc(self) -> None:
        form = self.build(run_not_before="2030-01-02T03:04")
        assert form.is_valid()
        moment = form.fields_of_ticket.run_not_before
        assert moment is not None
        assert moment.isoformat() == "2030-01-02T03:04:00+00:00"

    def test_it_refuses_a_damaged_page_mark(self) -> None:
        assert "seen_at" in self.build(seen_at="yesterday").errors


class RollbackFormTests(TestCase):
    def test_it_means_all_when_nothing_was_chosen_yet(self) -> None:
        form = RollbackForm(QueryDict(""), numbers=[2, 1, 0])
        assert form.is_valid()
        assert form.plan.statements == ()
        assert form.plan.on_conflict == "stop"

    def test_it_means_all_when_all_are_ticked(self) -> None:
        form = RollbackForm(QueryDict("picked=1&statements=0&statements=1"), numbers=[1, 0])
        assert form.is_valid()
        assert form.plan.statements == ()

    def test_it_keeps_a_choice(self) -> None:
        form = RollbackForm(QueryDict("picked=1&statements=1&on_conflict=skip"), numbers=[1, 0])
        assert form.is_valid()
        assert (form.plan.statements, form.plan.on_conflict) == ((1,), "skip")

    def test_it_refuses_no_tick_at_all_and_a_statement_that_is_not_offered(self) -> None:
        assert "statements" in RollbackForm(QueryDict("picked=1"), numbers=[1, 0]).errors
        assert "statements" in RollbackForm(QueryDict("statements=7"), numbers=[1, 0]).errors

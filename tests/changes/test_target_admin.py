"""Targets in the admin: the password goes in and never comes out, and a target with tickets stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from changes.models import Target
from changes.preflight import ChecklistItem
from tests.changes.people import make_person, make_target, make_ticket

pytestmark = pytest.mark.django_db

SECRET = "s3cret-of-the-target"


def fields(**changed: object) -> dict[str, object]:
    """Return what the form sends for a target, all fields filled."""
    return {
        "name": "shop-main",
        "environment": "production",
        "is_active": "on",
        "host": "db1.internal",
        "port": 3306,
        "user": "inception",
        "password": "",
        "tls_mode": "required",
        "tls_ca": "",
        "approvals_needed": 2,
        "run_policy": "on_approval",
        "rollback_policy": "one_click",
        "most_running": 4,
        "lock_wait_seconds": 30,
        "statement_seconds": 3600,
        "most_child_rows": 100_000,
        "most_copied_mib": 1024,
        "most_rewritten_mib": 10_240,
        "online_tool": "none",
        "online_from_mib": 1024,
        "keep_days": 30,
        "backup_days": 0,
        **changed,
    }


@pytest.fixture
def dana(client: Client) -> Client:
    client.force_login(make_person("dana"))
    return client


@pytest.fixture
def target() -> Target:
    target = make_target(name="shop-main", host="db1.internal", port=3306, server_version="MariaDB 10.11.19")
    target.set_password(SECRET)
    target.save()
    return target


def change_url(target: Target) -> str:
    return reverse("admin:changes_target_change", args=[target.pk])


def password_of(target: Target) -> str:
    return Target.objects.get(pk=target.pk).address.password


class TestPassword:
    def test_it_is_stored_encrypted_for_this_target(self, dana: Client) -> None:
        response = dana.post(reverse("admin:changes_target_add"), fields(password=SECRET))
        assert response.status_code == 302
        added = Target.objects.get()
        assert SECRET not in added.password_encrypted
        assert password_of(added) == SECRET

    def test_it_is_kept_when_the_field_stays_empty(self, dana: Client, target: Target) -> None:
        assert dana.post(change_url(target), fields(approvals_needed=3)).status_code == 302
        assert password_of(target) == SECRET
        assert Target.objects.get().approvals_needed == 3

    def test_it_keeps_spaces_at_its_ends(self, dana: Client, target: Target) -> None:
        dana.post(change_url(target), fields(password=" two ends "))
        assert password_of(target) == " two ends "

    @pytest.mark.parametrize("page", ["change", "history", "list", "delete", "invalid"])
    def test_no_page_shows_it(self, dana: Client, target: Target, page: str) -> None:
        dana.force_login(make_person("root", is_superuser=True))
        if page == "invalid":
            response = dana.post(change_url(target), fields(password=SECRET, port="not a port"))
        elif page == "list":
            response = dana.get(reverse("admin:changes_target_changelist"))
        else:
            response = dana.get(reverse(f"admin:changes_target_{page}", args=[target.pk]))
        assert response.status_code == 200
        assert SECRET not in response.text
        assert target.password_encrypted not in response.text

    def test_neither_the_history_nor_a_message_has_it(self, dana: Client, target: Target) -> None:
        response = dana.post(change_url(target), fields(password=SECRET + "2"), follow=True)
        assert password_of(target) == SECRET + "2"
        entry = LogEntry.objects.get()
        assert "password" in entry.get_change_message()
        assert SECRET not in entry.change_message + entry.object_repr
        assert SECRET not in response.text

    @pytest.mark.parametrize(
        ("changed", "word"),
        [
            ({"host": "elsewhere.internal"}, "the host"),
            ({"port": 3307}, "the port"),
            ({"user": "root"}, "the account"),
            ({"tls_mode": "disabled"}, "weaker"),
        ],
    )
    def test_it_must_be_typed_again_when_it_would_be_sent_elsewhere(
        self, dana: Client, target: Target, changed: dict[str, object], word: str
    ) -> None:
        response = dana.post(change_url(target), fields(**changed))
        assert response.status_code == 200
        assert word in response.context["adminform"].form.errors["password"][0]
        assert Target.objects.get().host == "db1.internal"

    def test_typed_again_it_goes_with_the_new_address(self, dana: Client, target: Target) -> None:
        assert dana.post(change_url(target), fields(host="db2.internal", password="other")).status_code == 302
        changed = Target.objects.get()
        assert (changed.host, changed.address.password) == ("db2.internal", "other")
        assert changed.server_version == "", "another server's version must not stay"

    def test_stronger_tls_does_not_need_it(self, dana: Client, target: Target) -> None:
        target.tls_ca = "/etc/ca.pem"
        target.save()
        answer = dana.post(change_url(target), fields(tls_mode="verify_identity", tls_ca="/etc/ca.pem"))
        assert answer.status_code == 302

    def test_an_account_without_a_password_may_move(self, dana: Client) -> None:
        bare = make_target(name="shop-main", host="db1.internal", port=3306)
        assert dana.post(change_url(bare), fields(host="db2.internal")).status_code == 302

    def test_a_missing_encryption_key_is_said_at_the_field(self, dana: Client, settings: Any) -> None:
        site = replace(settings.INCEPTION.site, encryption_keys=())
        settings.INCEPTION = replace(settings.INCEPTION, site=site)
        response = dana.post(reverse("admin:changes_target_add"), fields(password=SECRET))
        assert "encryption_keys" in response.context["adminform"].form.errors["password"][0]
        assert not Target.objects.exists()


class TestForm:
    @pytest.mark.parametrize("host", ["a:1,b:2", "db1;x=y", "db 1", "/run/mysqld.sock"])
    def test_it_refuses_what_the_driver_would_read_as_more_than_a_name(self, dana: Client, host: str) -> None:
        response = dana.post(reverse("admin:changes_target_add"), fields(host=host))
        assert "host" in response.context["adminform"].form.errors
        assert not Target.objects.exists()

    def test_it_asks_for_the_authority_of_a_verifying_mode(self, dana: Client) -> None:
        response = dana.post(reverse("admin:changes_target_add"), fields(tls_mode="verify_ca"))
        assert "tls_ca" in response.context["adminform"].form.errors

    @pytest.mark.parametrize(("field", "value"), [("port", 0), ("port", 65536), ("approvals_needed", 0)])
    def test_it_refuses_numbers_that_make_no_sense(self, dana: Client, field: str, value: int) -> None:
        response = dana.post(reverse("admin:changes_target_add"), fields(**{field: value}))
        assert field in response.context["adminform"].form.errors

    def test_a_name_with_html_is_shown_as_text(self, dana: Client) -> None:
        make_target(name="<img src=x onerror=alert(1)>")
        page = dana.get(reverse("admin:changes_target_changelist")).text
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page

    def test_who_may_only_look_sees_no_password_field(self, client: Client, target: Target) -> None:
        client.force_login(make_person("cy"))
        page = client.get(change_url(target))
        assert page.status_code == 200
        assert 'name="password"' not in page.text
        assert reverse("admin:changes_target_test", args=[target.pk]) not in page.text
        assert client.post(change_url(target), fields(name="mine")).status_code == 403

    def test_a_stranger_sees_nothing(self, client: Client, target: Target) -> None:
        client.force_login(make_person("dan"))
        assert client.get(change_url(target)).status_code == 403
        assert client.get(reverse("admin:changes_target_changelist")).status_code == 403


class TestDeletion:
    @pytest.fixture
    def root(self, client: Client) -> Client:
        client.force_login(make_person("root", is_superuser=True))
        return client

    def test_a_target_without_tickets_can_be_deleted(self, root: Client, target: Target) -> None:
        root.post(reverse("admin:changes_target_delete", args=[target.pk]), {"post": "yes"})
        assert not Target.objects.exists()

    def test_a_target_with_tickets_stays_and_the_page_says_why(self, root: Client, target: Target) -> None:
        make_ticket(target)
        answer = root.post(reverse("admin:changes_target_delete", args=[target.pk]), {"post": "yes"}, follow=True)
        assert Target.objects.exists()
        assert "has tickets" in answer.text
        assert "Untick" in answer.text

    def test_there_is_no_deleting_from_the_list(self, root: Client, target: Target) -> None:
        page = root.get(reverse("admin:changes_target_changelist"))
        assert "delete_selected" not in page.text
        data = {"action": "delete_selected", "_selected_action": [target.pk], "post": "yes"}
        root.post(reverse("admin:changes_target_changelist"), data)
        assert Target.objects.exists()


class TestConnectionTest:
    @pytest.fixture
    def checklist(self, monkeypatch: pytest.MonkeyPatch) -> list[ChecklistItem]:
        items = [
            ChecklistItem("Connection", "ok", "connected"),
            ChecklistItem("Binlog format", "fail", "binlog_format=STATEMENT <b>"),
            ChecklistItem("Encryption", "warn", "plain text"),
        ]
        monkeypatch.setattr("changes.inspection.test_connection", lambda target: items)
        return items

    def url(self, target: Target) -> str:
        return reverse("admin:changes_target_test", args=[target.pk])

    def test_it_shows_each_requirement_with_its_result(
        self, dana: Client, target: Target, checklist: list[ChecklistItem]
    ) -> None:
        page = dana.post(self.url(target))
        assert page.status_code == 200
        for item in checklist:
            assert item.label in page.text
        assert "1 requirement missing" in page.text
        assert "binlog_format=STATEMENT &lt;b&gt;" in page.text
        assert SECRET not in page.text

    def test_all_well_says_so(self, dana: Client, target: Target, checklist: list[ChecklistItem]) -> None:
        del checklist[1:]
        assert "All that a ticket and its rollback need is there." in dana.post(self.url(target)).text

    def test_a_get_tests_nothing(self, dana: Client, target: Target, checklist: list[ChecklistItem]) -> None:
        assert dana.get(self.url(target)).status_code == 405

    @pytest.mark.parametrize("person", ["ann", "ben", "cy", "dan"])
    def test_only_who_may_change_a_target_may_test_it(
        self, client: Client, target: Target, checklist: list[ChecklistItem], person: str
    ) -> None:
        client.force_login(make_person(person))
        assert client.post(self.url(target)).status_code == 403

    def test_a_password_that_opens_with_no_key_is_said_in_words(self, dana: Client, target: Target) -> None:
        Target.objects.update(password_encrypted="gAAAAABnonsense")
        page = dana.post(self.url(target), follow=True)
        assert "enter the password again" in page.text

    def test_a_target_that_is_gone_is_not_found(self, dana: Client) -> None:
        assert dana.post(reverse("admin:changes_target_test", args=[9999])).status_code == 404

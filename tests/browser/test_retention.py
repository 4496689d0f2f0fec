"""Retention in a browser: what is kept, what a purge would take, the purge, and what the ticket says then."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.product import Product
from tests.live.own_rows import query

pytestmark = [pytest.mark.browser, pytest.mark.live]

_AGE = """
from datetime import timedelta
from django.utils import timezone
from changes.models import *
past = timezone.now() - timedelta(days=40)
ticket = Ticket.objects.get(schema_name={schema!r})
ExecutedStatement.objects.filter(execution__ticket=ticket).update(executed_at=past, intent_at=past)
Target.objects.update_or_create(name="asleep", defaults=dict(host="127.0.0.1", port=1, user="x", tls_mode="disabled"))
print(ticket.pk)
"""
_FORGET = "from changes.models import *; Target.objects.filter(name='asleep').delete()"


@pytest.fixture
def dropped(product: Product, tmp_path: Path) -> Iterator[int]:
    """The ticket of a DROP TABLE that ran forty days ago; and a target that does not answer."""
    name = f"it_{uuid.uuid4().hex[:10]}"
    with contextlib.closing(product.server.connect()) as connection:
        query(connection, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        query(connection, f"CREATE TABLE `{name}`.carts (id INT PRIMARY KEY) ENGINE=InnoDB")
        query(connection, f"INSERT INTO `{name}`.carts VALUES (1), (2)")
        file = tmp_path / "drop.sql"
        file.write_text("DROP TABLE carts")
        allowed = {"INCEPTION__SITE__ALLOW_UNREVIEWED_CLI": "true"}
        product.manage("run_change", "--target", "shop-test", "--schema", name, str(file), **allowed)
        yield int(product.manage("shell", "-c", _AGE.format(schema=name)).split()[-1])
        product.manage("shell", "-c", _FORGET)
        query(connection, f"DROP DATABASE `{name}`")


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_what_is_kept_too_long_is_purged_after_it_was_shown(
    visit: Callable[..., Visitor], dropped: int, context: dict[str, Any]
) -> None:
    dana = visit("dana", **context)
    page = dana.page
    dana.open(f"/changes/ticket/{dropped}/change/")
    expect(page.get_by_text("Can be rolled back until the next purge: what DROP TABLE took away")).to_be_visible()
    page.get_by_role("link", name="Retention").click()
    dana.look()
    expect(page.get_by_text("What is set aside on asleep is not known")).to_be_visible()
    expect(page.get_by_text("carts", exact=True).first).to_be_visible()
    page.get_by_role("link", name="See what a purge would take here").click()
    dana.look()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    expect(page.get_by_text("1 ticket loses the rollback, or a part of it")).to_be_visible()
    page.get_by_role("button", name="Purge what is ticked").click()
    dana.look()
    expect(page.get_by_text("1 was purged")).to_be_visible()
    dana.open(f"/changes/ticket/{dropped}/change/")
    expect(page.locator("#head").get_by_text("no longer kept", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile("^Cannot be rolled back any more: .* purged by dana")).first).to_be_visible()
    expect(page.get_by_role("link", name="Roll back…")).to_have_count(0)

"""The panel of an online change in a browser: read, throttled, resumed and cancelled, on a phone and in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.live]

# A change that is under way: its worker gives signs of life for as long as the test takes.
_UNDER_WAY = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from changes.models import *
from changes.online_command import make_plan
now = timezone.now()
ticket = Ticket.objects.create(title="Longer notes", target=Target.objects.first(), schema_name="shop", sql=SQL,
    submitter=User.objects.get(username="ann"), state="running", submitted_at=now,
    inspection={"statements": [], "problems": []})
execution = Execution.objects.create(ticket=ticket, number=1, state="running", started_at=now, content_hash="",
    lease_until=now + timedelta(hours=1), worker="w:1", connection_id=17, server_version="10.11.18-MariaDB")
plan = make_plan({"tool": "pt_osc", "clauses": "MODIFY note TEXT", "after": ""}, "shop", "orders",
    installation="0badf00d", execution_id=execution.pk, seq=0)
ExecutedStatement.objects.create(execution=execution, seq=0, sql=SQL, sql_sha256="0" * 64, kind="ALTER TABLE",
    schema_name="shop", table_name="orders", outcome="sent", intent_at=now,
    online={"plan": plan.to_dict(), "open": True},
    progress={"state": "copying", "percent": 41, "rows": 4100, "rows_total": 10000, "left_seconds": 130, "load": "",
    "at": now.isoformat()})
print("ticket", ticket.pk)
"""


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_a_change_is_followed_throttled_resumed_and_cancelled(
    product: Product, visit: Callable[..., Visitor], context: dict[str, Any]
) -> None:
    text = 'SQL = "ALTER TABLE orders MODIFY note TEXT"\n' + _UNDER_WAY
    pk = product.manage("shell", "-c", text).split()[-1]
    ann = visit("ann", **context)
    ann.open(f"/changes/ticket/{pk}/change/")
    page = ann.page
    expect(page.get_by_role("progressbar", name="Rows copied")).to_have_attribute("value", "41")
    expect(page.get_by_text("about 4,100 of 10,000 rows")).to_be_visible()
    page.get_by_role("button", name="Throttle").click()
    expect(page.get_by_text("no more rows are copied")).to_be_visible()
    ann.look()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Throttle")).to_be_visible()
    page.get_by_text("Cancel the change…").click()
    page.wait_for_timeout(2500)  # the page asks again, and what a person opened stays open
    ann.look()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.get_by_role("button", name="Cancel the change of orders").click()
    expect(page.get_by_text(re.compile("is being cancelled"))).to_be_visible()
    ann.look()
    product.manage("shell", "-c", f"from changes.models import *; Execution.objects.filter(ticket={pk}).update("
        f"state='failed'); Ticket.objects.filter(pk={pk}).update(state='failed')")  # fmt: skip

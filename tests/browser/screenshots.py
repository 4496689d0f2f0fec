"""Take the pictures of the documentation: scripts/screenshots. Real tickets on a real server, in a real browser."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from inception_site.demo import shop
from tests.browser.chromium import MISSING, find_chromium, launch_options
from tests.browser.conftest import Visitor
from tests.browser.product import Product
from tests.browser.test_main_job import write_ticket
from tests.live.own_rows import query
from tests.servers import MARIADB, ROOT, Servers

FOLDER = ROOT / "docs" / "screenshots"
SIZE = {"width": 1280, "height": 800}
SQL = """UPDATE products SET price = ROUND(price * 1.05, 2) WHERE category = 'garden';
ALTER TABLE products DROP COLUMN labels;
INSERT INTO products (sku, name, category, price, stock, attributes, checksum, available_from)
VALUES ('GA-2027', 'Gießkanne „Regen“', 'garden', 24.90, 120, '{"litres": 8}', REPEAT(0x2a, 8), '2027-03-01')"""

TOYS = "UPDATE products SET stock = stock + 10 WHERE category = 'toys' ORDER BY id LIMIT 8"


@contextlib.contextmanager
def the_product() -> Iterator[tuple[Product, Any]]:
    servers = Servers()
    try:
        server = servers.get(MARIADB)
        with contextlib.closing(server.connect()) as connection:
            shop.load(connection)
            # The servers of the tests do not wait for the disk, of which every ticket would warn.
            query(connection, "SET GLOBAL sync_binlog = 1, GLOBAL innodb_flush_log_at_trx_commit = 1")
            made = Product(server)
            made.start()
            try:
                yield made, connection
            finally:
                made.stop()
    finally:
        servers.stop()


def take(visitor: Visitor, name: str) -> None:
    """Write a picture of the window, with nothing pointed at."""
    visitor.page.mouse.move(0, 0)
    visitor.page.wait_for_load_state("networkidle")
    visitor.page.screenshot(path=FOLDER / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


def walk(visit: Callable[[str], Visitor], connection: Any) -> None:
    ann, ben, dana = visit("ann"), visit("ben"), visit("dana")
    write_ticket(ann, shop.SCHEMA, SQL, "Garden catalogue for the new season")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    url = ann.page.url
    ben.open(url.removeprefix(ben.base))
    ben.page.set_viewport_size({**SIZE, "height": 1180})
    take(ben, "review")
    ben.page.get_by_role("button", name="Approve").click()
    expect(ben.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=60_000)
    dana.open(f"{url.removeprefix(dana.base)}#execution")
    take(dana, "ticket")
    write_ticket(ann, shop.SCHEMA, TOYS, "Toys came in")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    toys = ann.page.url
    ben.open(toys.removeprefix(ben.base))
    ben.page.get_by_role("button", name="Approve").click()
    expect(ben.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=60_000)
    query(connection, f"UPDATE `{shop.SCHEMA}`.products SET stock = 0 WHERE category = 'toys' ORDER BY id LIMIT 1")
    dana.open(toys.removeprefix(dana.base))
    dana.page.get_by_role("link", name="Roll back…").first.click()
    take(dana, "rollback")
    dana.open("/changes/retention/")
    take(dana, "retention")


def main() -> int:
    chromium = find_chromium()
    if chromium is None:
        print(MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with the_product() as (product, connection), sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(**launch_options(chromium))

        def visit(name: str) -> Visitor:
            visitor = Visitor(browser.new_context(viewport=SIZE).new_page(), product.url)
            visitor.log_in(name)
            return visitor

        walk(visit, connection)
        browser.close()
    return 0

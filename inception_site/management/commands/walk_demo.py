"""`manage.py walk_demo`: one ticket from submission to rollback, by a real worker. `scripts/demo --once` calls it."""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from changes import actions, targets
from changes.actions import RollbackPlan, TicketFields
from changes.errors import PermissionRefusedError
from changes.models import Execution, Target, Ticket
from changes.states import ACTIVE, BackupState, ExecutionState, RollbackState, TicketState
from inception_site.demo.shop import SCHEMA

PATIENCE_SECONDS = 120
# One statement changes two tables, rows come and go, one row is replaced, a trigger fills a column.
SQL = """
UPDATE products SET price = ROUND(price * 0.9, 2), labels = 'sale' WHERE category = 'office';
UPDATE orders JOIN customers ON customers.id = orders.customer_id
   SET orders.delivery_note = CONCAT('Regards from ', customers.city, ' ✓'), customers.credit = customers.credit + 5
 WHERE orders.status = 'returned';
INSERT INTO payments (order_id, method, amount, details)
  SELECT id, 'voucher', total, JSON_OBJECT('reason', 'goodwill') FROM orders WHERE status = 'cancelled';
DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE status = 'new') AND line > 1;
REPLACE INTO order_lines (order_id, line, product_id, quantity, unit_price, discount)
  VALUES (1, 1, 5, 2, 9.90, 0.0500), (1, 9, 6, 1, 19.95, 0);
"""


class Command(BaseCommand):
    help = "Take one ticket from submission to rollback and compare every table with itself."

    def handle(self, *args: Any, **options: Any) -> None:
        logging.disable(logging.INFO)  # the steps below tell it already
        ann, ben = (User.objects.get(username=name) for name in ("ann", "ben"))
        target = Target.objects.get(name="shop-demo")
        self._wait_until_idle()
        before = read_fingerprints(target)
        self._say(f"fingerprints of {len(before)} tables of {SCHEMA} taken")

        ticket = self._submit(target, ann)
        self._check_four_eyes(ticket, ann)
        actions.approve(ticket, by=ben, content_hash=ticket.content_hash, comment="Read, looks right.")
        self._say("ben approved; the worker has it")
        self._wait(ticket, TicketState.SUCCEEDED)
        self._show_statements(ticket)
        after = read_fingerprints(target)
        changed = [table for table in before if after[table] != before[table]]
        self._say(f"changed tables: {', '.join(changed)}")
        if not changed:
            raise CommandError("The ticket succeeded, and no table is different.")

        undo = actions.roll_back(ticket, by=ben, plan=RollbackPlan(), reason="It was only a demonstration.")
        self._say(f"ben clicked roll back: ticket #{undo.pk}; the worker has it")
        self._wait(undo, TicketState.SUCCEEDED)
        ticket.refresh_from_db()
        if ticket.rollback_state != RollbackState.DONE:
            raise CommandError(f"The rollback ended, but the ticket says {ticket.rollback_state}.")
        self._compare(before, read_fingerprints(target))

    def _submit(self, target: Target, ann: User) -> Ticket:
        title = "Demonstration: five statements, five tables"
        ticket = actions.create_ticket(TicketFields(title, target, SCHEMA, SQL, reason="scripts/demo --once"), by=ann)
        actions.submit(ticket, by=ann)
        ticket.refresh_from_db()
        self._say(f"ann submitted ticket #{ticket.pk}, content {ticket.content_hash[:12]}…")
        for problem in ticket.problems:
            self._say(f"  {problem.severity}: {problem}")
        return ticket

    def _check_four_eyes(self, ticket: Ticket, ann: User) -> None:
        try:
            actions.approve(ticket, by=ann, content_hash=ticket.content_hash)
        except PermissionRefusedError as refusal:
            self._say(f"ann may not approve it herself: {refusal}")
        else:
            raise CommandError("Ann approved her own ticket.")

    def _show_statements(self, ticket: Ticket) -> None:
        execution = ticket.last_execution
        assert execution is not None
        for statement in execution.statements.order_by("seq"):
            seconds = (statement.execute_seconds or 0) + (statement.backup_seconds or 0)
            self._say(
                f"  {statement.seq + 1}. {statement.kind} {statement.table_name}: {statement.affected_rows} affected, "
                f"{statement.rows_captured} rows captured, {statement.records_stored} records stored "
                f"in {statement.backup_schema}, {statement.backup_state}, {seconds:.2f} s"
            )
        if ticket.backup_state != BackupState.COMPLETE:
            raise CommandError(f"The backup of ticket #{ticket.pk} is {ticket.backup_state}, not complete.")

    def _compare(self, before: dict[str, str], now: dict[str, str]) -> None:
        for table, fingerprint in before.items():
            same = now[table] == fingerprint
            self._say(f"  {table}: {'equals itself' if same else 'DIFFERS'} ({now[table][:12]}…)")
        if now != before:
            raise CommandError("After the rollback the tables are not what they were.")
        self._say("every table equals itself, byte by byte")

    def _wait(self, ticket: Ticket, wanted: TicketState) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            ticket.refresh_from_db()
            state = ticket.ticket_state
            if state == wanted:
                self._say(f"ticket #{ticket.pk} {state}")
                return
            if state not in ACTIVE:
                break
            time.sleep(0.2)
        execution = ticket.last_execution
        why = (execution.error or execution.problems) if execution else ""
        raise CommandError(f"Ticket #{ticket.pk} is {ticket.state}, not {wanted}. {why}")

    def _wait_until_idle(self) -> None:
        """The example ticket may still run; tables are compared when nothing else changes them."""
        busy = (ExecutionState.QUEUED, ExecutionState.RUNNING)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while Execution.objects.filter(state__in=busy).exists():
            if time.monotonic() > deadline:
                raise CommandError("Other executions did not end; is there a worker?")
            time.sleep(0.2)

    def _say(self, text: str) -> None:
        self.stdout.write(f"demo    | {text}")
        self.stdout.flush()


def read_fingerprints(target: Target) -> dict[str, str]:
    """Return {table: SHA-256 over every column of every row, in HEX} of the shop."""
    connection = targets.connect(target.address, schema=SCHEMA)
    try:
        cursor = connection.cursor()
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute(
            "SELECT TABLE_NAME, GROUP_CONCAT(CONCAT('HEX(CAST(`', COLUMN_NAME, '` AS BINARY))')"
            " ORDER BY ORDINAL_POSITION) FROM information_schema.COLUMNS JOIN information_schema.TABLES"
            " USING (TABLE_SCHEMA, TABLE_NAME)"
            " WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE' GROUP BY TABLE_NAME",
            (SCHEMA,),
        )
        found = {}
        for table, columns in cursor.fetchall():
            cursor.execute(f"SELECT {columns} FROM `{table}`")
            rows = sorted(map(repr, cursor.fetchall()))
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        return found
    finally:
        connection.close()

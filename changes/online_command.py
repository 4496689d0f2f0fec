"""How pt-online-schema-change is called: its arguments, its file of secrets, and its names on the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

NAMES = {"pt_osc": "pt-online-schema-change"}
"""Online tools as people know them, by the value of Target.online_tool."""

FOREVER_SECONDS = 2_592_000
"""wait_timeout of the tool's sessions, 30 days: while it is throttled they idle."""


@dataclass(frozen=True, slots=True)
class OnlinePlan:
    """One change by the tool, as the statement's record keeps it: enough for any worker to end it and to clean up.

    after: digest of the definition that the table must have afterwards.
    new, old: names of the table that is filled, and of the one that is put away.
        The tool takes another name than `old` when that is taken by then.
    triggers: names of those that keep the new table up to date.
    lock: the beginning of the names of server-side locks that the tool's sessions hold; the session's id follows.
    """

    tool: str
    schema: str
    table: str
    clauses: str
    after: str
    new: str
    old: str
    triggers: tuple[str, ...]
    lock: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"triggers": list(self.triggers)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> OnlinePlan:
        known = {name: data[name] for name in cls.__dataclass_fields__}
        return cls(**known | {"triggers": tuple(data["triggers"])})


def make_plan(
    approved: Mapping[str, str], schema: str, table: str, *, installation: str, execution_id: int, seq: int
) -> OnlinePlan:
    """Return the plan of a statement that was approved to be made online.

    approved: "tool", "clauses" and "after", as the inspection keeps them.
    installation: id of the one whose execution it is. The triggers are named by the tool, after the table alone: they
        are known to be ours by what they do, which names the new table.
    """
    whose = [*filter(None, [installation]), str(execution_id), str(seq)]
    prefix = re.sub(r"[^0-9A-Za-z_]", "_", f"pt_osc_{schema}_{table}")[:60]
    return OnlinePlan(
        tool=approved["tool"],
        schema=schema,
        table=table,
        clauses=approved["clauses"],
        after=approved["after"],
        new="_".join(["_inception", *whose]),
        old=f"_{table}_old",
        triggers=tuple(f"{prefix}_{event}" for event in ("del", "upd", "ins")),
        lock=":".join(["inception", "online", *whose, ""]),
    )


def build_arguments(
    program: str, plan: OnlinePlan, *, host: str, port: int, option_file: str, plugin: str, limits: Mapping[str, str]
) -> list[str]:
    """Return the command line; nothing of it is secret.

    limits: "lock_wait_seconds", "max_load", "critical_load", "chunk_seconds", and perhaps "explain_format".
    """
    wait = limits["lock_wait_seconds"]
    # MySQL 9 explains in a tree otherwise, which the tool cannot read: it would copy a table in one statement.
    explain = f",explain_format={limits['explain_format']}" if "explain_format" in limits else ""
    sessions = f"wait_timeout={FOREVER_SECONDS},lock_wait_timeout={wait},innodb_lock_wait_timeout=1{explain}"
    return [
        program,
        *("--config", ""),  # first of all, and none: what stands in /etc or at home was approved by nobody
        *("--execute", "--no-version-check"),
        # What it made is dropped by us, once it is known what became of the change. Its triggers tell which table it
        # put away, whatever that is called, and a table to which others added something must not go.
        *("--no-drop-triggers", "--no-drop-old-table", "--no-drop-new-table"),
        *("--alter", plan.clauses),
        *("--new-table-name", plan.new),
        *("--plugin", plugin),
        # Replicas are not looked for: it would take our reader of the binlog for one, and MySQL 8.4 lost the statement.
        *("--recursion-method", "none"),
        *("--charset", "utf8mb4"),
        *("--progress", "time,1"),
        *("--chunk-index", "PRIMARY"),
        *("--chunk-time", limits["chunk_seconds"]),
        *("--max-load", limits["max_load"]),
        *("--critical-load", limits["critical_load"]),
        *("--set-vars", sessions),
        *("--tries", "create_triggers:5:1,drop_triggers:5:1,swap_tables:5:1"),
        f"h={host},P={port},D={plan.schema},t={plan.table},F={option_file},A=utf8mb4",
    ]


def build_option_file(
    *, user: str, password: str, tls_mode: str, tls_ca: str | None, ticket_lock: str, holder: int, plan: OnlinePlan
) -> str:
    """Return the text of the file from which the tool takes its account, for Connector/C and libmysqlclient.

    ticket_lock, holder: the lock of the ticket on the server and the session that must hold it: else the session is
    refused, so that a tool whose worker has lost its ticket cannot connect again.
    """
    fence = (
        f"SET @inception_lock = GET_LOCK(CONCAT('{plan.lock}', CONNECTION_ID()), 0),"
        # A query of two rows where one is needed is an error, and with it the session is over.
        f" @inception_fence = IF(IS_USED_LOCK('{ticket_lock}') = {holder}, 1, (SELECT 1 UNION SELECT 2))"
    )
    lines = ["[client]", f"user={_quote(user)}", f"password={_quote(password)}"]
    if tls_mode == "disabled":
        lines.append("ssl-enforce=0")
    else:
        lines.append("ssl-enforce=1")
    if tls_mode in ("verify_ca", "verify_identity"):
        lines.append(f"ssl-ca={_quote(tls_ca or '')}")
    if tls_mode == "verify_identity":
        lines.append("ssl-verify-server-cert=1")
    return "\n".join([*lines, f"init-command={_quote(fence)}", ""])


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'

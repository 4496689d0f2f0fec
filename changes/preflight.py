"""What a server must be like before anything is sent to it. Facts in, problems out; one function per requirement.

The same requirements make the refusal of an execution, the warnings an approver sees, and the checklist of the
"Test connection" page. What the binlog lacks we cannot protect, so most of them are about the binlog.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from backups.binlog.flavor import Flavor
from changes.problems import Problem, Severity
from changes.server_facts import ServerFacts, ServerIdentity

SHORTEST_RETENTION_SECONDS = 24 * 3600

OLDEST = {"mariadb": (10, 6, 0), "mysql": (8, 0, 22)}
"""Older servers lack something the preflight relies on; measured are MariaDB 10.11 and MySQL 9.7."""

_ANY_SETTING = ("SUPER", "BINLOG ADMIN", "BINLOG_ADMIN", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What the connection is for.

    backup: whether changed rows are to be read back from the binlog.
    schema_name: the ticket's schema; None on the "Test connection" page.
    identity: the server that was there before, e.g. when the ticket was checked; None when it does not matter.
    """

    backup: bool = True
    schema_name: str | None = None
    identity: ServerIdentity | None = None


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One line of the "Test connection" page. text: what was found; for a problem also what is needed and how."""

    label: str
    state: Literal["ok", "warn", "fail"]
    text: str


@dataclass(frozen=True, slots=True)
class _Requirement:
    """label: of the checklist. check: the problem or None. describe: what to show when there is none."""

    label: str
    check: Callable[[ServerFacts, Purpose], Problem | None]
    describe: Callable[[ServerFacts], str]
    for_backup: bool = False


def check(
    facts: ServerFacts,
    purpose: Purpose | None = None,
    *,
    backup: bool = True,
    schema_name: str | None = None,
    identity: ServerIdentity | None = None,
) -> list[Problem]:
    """Return everything that speaks against running a ticket on this server, errors first.

    The purpose may be given whole or by its parts.
    """
    purpose = purpose or Purpose(backup, schema_name, identity)
    found = [requirement.check(facts, purpose) for requirement in _choose(purpose)]
    return sorted((problem for problem in found if problem), key=lambda problem: _ORDER[problem.severity])


def build_checklist(facts: ServerFacts, purpose: Purpose | None = None) -> list[ChecklistItem]:
    """Return the same findings as `check`, with a line for every requirement that is met."""
    purpose = purpose or Purpose()
    return [_build_item(requirement, facts, purpose) for requirement in _choose(purpose)]


def _choose(purpose: Purpose) -> list[_Requirement]:
    return [requirement for requirement in _REQUIREMENTS if purpose.backup or not requirement.for_backup]


def _build_item(requirement: _Requirement, facts: ServerFacts, purpose: Purpose) -> ChecklistItem:
    problem = requirement.check(facts, purpose)
    if problem is None:
        return ChecklistItem(requirement.label, "ok", requirement.describe(facts))
    return ChecklistItem(requirement.label, "fail" if problem.severity == "error" else "warn", str(problem))


_ORDER = {"error": 0, "warning": 1, "notice": 2}


def _error(name: str, found: str, needed: str, how: str) -> Problem:
    return _problem("error", name, found, needed, how)


def _warning(name: str, found: str, needed: str, how: str) -> Problem:
    return _problem("warning", name, found, needed, how)


def _problem(severity: Severity, name: str, found: str, needed: str, how: str) -> Problem:
    return Problem(f"target.{name}", severity, found, needed, how)


def check_version(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    oldest = OLDEST[facts.flavor.name]
    if facts.flavor.version >= oldest:
        return None
    return _warning(
        "version",
        f"The server is {facts.flavor}.",
        f"{Flavor(facts.flavor.name, oldest)} or later; nothing older was tried.",
        "Upgrade the server, or try a ticket and its rollback on a copy first.",
    )


def check_tls(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.cipher:
        return None
    return _problem(
        "notice",
        "tls.off",
        "The connection is in plain text.",
        "TLS, where others can listen on the network between.",
        "Set the TLS mode of the target to “verify_identity” and give the CA file.",
    )


def check_proxy(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    # The handshake carries four bytes of the id.
    if facts.connection_id % 2**32 == facts.handshake_id % 2**32:
        return None
    return _error(
        "proxy",
        f"The server calls our session {facts.connection_id}, its handshake said {facts.handshake_id}: "
        "a proxy shares connections between sessions.",
        "One connection of our own, since locks and the search for our rows hang on it.",
        "Enter the address of the server itself.",
    )


def check_identity(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if purpose.identity is None or purpose.identity == facts.identity:
        return None
    return _error(
        "identity",
        f"Another server answers at this address: {facts.identity}; before it was {purpose.identity}.",
        "The server that the ticket was checked on.",
        "Find out whether there was a failover or a restore; then check and approve the ticket again.",
    )


def check_read_only(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if not (facts.read_only or facts.super_read_only):
        return None
    name = "super_read_only" if facts.super_read_only else "read_only"
    return _error(
        "read_only",
        f"The server has {name}=ON, as replicas have.",
        "A server that takes writes.",
        "Enter the address of the source of this replica, or SET GLOBAL read_only=OFF if this is the source.",
    )


def check_galera(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if not facts.galera:
        return None
    return _warning(
        "galera",
        "The server is a node of a Galera cluster (wsrep_on=ON).",
        "A server whose locks and binlog coordinates hold for all writers; on a cluster this was not tried.",
        "Send all tickets to the same node, and try a ticket and its rollback on a copy first.",
    )


def check_log_bin(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.binlog.enabled:
        return None
    return _error(
        "log_bin",
        "The server has log_bin=OFF.",
        "A binlog: it is where the rows before and after a change are read from.",
        "Start the server with log_bin, or submit the ticket without backup and say why.",
    )


def check_sql_log_bin(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.binlog.session_enabled or not facts.binlog.enabled:
        return None
    return _error(
        "sql_log_bin",
        "Our session has sql_log_bin=OFF, so its changes would not be logged.",
        "sql_log_bin=ON.",
        "Take the setting out of init_connect, and the right to set it from the account.",
    )


def check_skip_replication(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if not facts.binlog.skip_replication:
        return None
    return _error(
        "skip_replication",
        "Our session has skip_replication=ON, which marks its changes as not to be replicated.",
        "skip_replication=OFF.",
        "Take the setting out of the server's configuration.",
    )


def check_binlog_format(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.binlog.format == "ROW" or not facts.binlog.enabled:
        return None
    return _error(
        "binlog_format",
        f"The server has binlog_format={facts.binlog.format}.",
        "ROW: only then the binlog holds the rows.",
        "SET GLOBAL binlog_format=ROW, write it into the server's configuration, and queue again.",
    )


def check_row_image(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.binlog.row_image == "FULL" or not facts.binlog.enabled:
        return None
    return _error(
        "binlog_row_image",
        f"The server has binlog_row_image={facts.binlog.row_image}.",
        "FULL: else the columns that a change did not name are missing.",
        "SET GLOBAL binlog_row_image=FULL, write it into the server's configuration, and queue again.",
    )


def check_filters(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    filters = {"binlog_do_db": facts.binlog.do_schemas, "binlog_ignore_db": facts.binlog.ignore_schemas}
    found = " and ".join(f"{name}={','.join(names)}" for name, names in filters.items() if names)
    if not found:
        return None
    return _error(
        "binlog_filters",
        f"The server leaves schemas out of its binlog: {found}.",
        "A binlog of all schemas.",
        "Take the filters out of the server's configuration and restart it; filter on the replicas instead.",
    )


def check_status_privilege(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if not facts.binlog.status_denied:
        return None
    name = "BINLOG MONITOR" if facts.flavor.is_mariadb else "REPLICATION CLIENT"
    return _error(
        "privilege.replication_client",
        f"The account {facts.account} may not ask where the binlog is ({facts.flavor.status_statement}).",
        f"The privilege {name}.",
        f"GRANT {name} ON *.* TO {_quote_account(facts.account)}",
    )


def check_reader_privilege(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.grants.has_privilege("REPLICATION SLAVE"):
        return None
    return _error(
        "privilege.replication_slave",
        f"The account {facts.account} may not read the binlog.",
        "The privilege REPLICATION SLAVE.",
        f"GRANT REPLICATION SLAVE ON *.* TO {_quote_account(facts.account)}",
    )


def check_select_privilege(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    name = purpose.schema_name
    if name is None or facts.grants.has_privilege_within("SELECT", name):
        return None
    return _error(
        "privilege.select",
        f"The account {facts.account} may not read the schema {name}.",
        "SELECT: the definitions of its tables are read before, and restored rows after, a rollback.",
        f"GRANT SELECT ON `{name}`.* TO {_quote_account(facts.account)}",
    )


def check_process_privilege(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.logs_cascades or facts.grants.has_privilege("PROCESS"):
        return None
    return _warning(
        "privilege.process",
        f"The account {facts.account} cannot see foreign keys that come from other schemas.",
        "PROCESS: a DELETE also changes such child rows, the binlog of this server does not show them, "
        "and those that cannot be seen are not kept.",
        f"GRANT PROCESS ON *.* TO {_quote_account(facts.account)}",
    )


def check_trigger_privilege(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    # MariaDB shows the names of triggers to everyone who sees the table; MySQL shows nothing, and says nothing.
    name = purpose.schema_name
    if facts.flavor.is_mariadb or name is None or facts.grants.has_privilege_within("TRIGGER", name):
        return None
    return _warning(
        "privilege.trigger",
        f"The account {facts.account} cannot see the triggers of the schema {name}.",
        "TRIGGER: tables that triggers write to have to be known, else their rows make the backup incomplete.",
        f"GRANT TRIGGER ON `{name}`.* TO {_quote_account(facts.account)}",
    )


def check_power(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    held = [name for name in _ANY_SETTING if facts.grants.has_privilege(name)]
    if not held:
        return None
    return _problem(
        "notice",
        "privilege.too_much",
        f"The account {facts.account} may switch its own binlog off ({held[0]}).",
        "An account with the rights that tickets need, and no administrative ones.",
        f"REVOKE {held[0]} ON *.* FROM {_quote_account(facts.account)}, or enter another account.",
    )


def check_retention(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    seconds = facts.binlog.retention_seconds
    if seconds is None or seconds >= SHORTEST_RETENTION_SECONDS:
        return None
    return _warning(
        "retention",
        f"The server deletes binlog files after {_describe_seconds(seconds)}.",
        f"{_describe_seconds(SHORTEST_RETENTION_SECONDS)}: a capture that was interrupted is repeated from them.",
        f"SET GLOBAL binlog_expire_logs_seconds={7 * 24 * 3600}",
    )


def check_sync(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    settings = {"sync_binlog": facts.binlog.sync, "innodb_flush_log_at_trx_commit": facts.binlog.flush_at_commit}
    found = " and ".join(f"{name}={value}" for name, value in settings.items() if value != 1)
    if not found:
        return None
    return _warning(
        "sync",
        f"The server has {found}.",
        "1: else a crash of the machine can lose the end of the binlog, and with it the backup of the last change.",
        "; ".join(f"SET GLOBAL {name}=1" for name, value in settings.items() if value != 1),
    )


def check_annotations(facts: ServerFacts, purpose: Purpose) -> Problem | None:
    if facts.binlog.annotated or not facts.flavor.is_mariadb:
        return None
    return _warning(
        "annotate",
        "The server has binlog_annotate_row_events=OFF.",
        "ON: when a connection breaks during COMMIT, the text in the binlog is what shows whether it took effect.",
        "SET GLOBAL binlog_annotate_row_events=ON, and write it into the server's configuration.",
    )


def _quote_account(account: str) -> str:
    """Return user@host as `user`@`host`. Neither may hold an @ on the right side of the last one."""
    user, _, host = account.rpartition("@")
    return "@".join("`" + part.replace("`", "``") + "`" for part in (user, host))


def _describe_seconds(seconds: int) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _on(text: str) -> Callable[[ServerFacts], str]:
    return lambda facts: text


_REQUIREMENTS = (
    _Requirement("Server", check_version, lambda facts: f"{facts.flavor}, as {facts.account}"),
    _Requirement("Encryption", check_tls, lambda facts: f"TLS, {facts.cipher}"),
    _Requirement("Direct connection", check_proxy, lambda facts: f"session {facts.connection_id}, no proxy between"),
    _Requirement("Same server", check_identity, lambda facts: str(facts.identity)),
    _Requirement("Takes writes", check_read_only, _on("read_only is off")),
    _Requirement("Cluster", check_galera, _on("no Galera cluster")),
    _Requirement("Binlog", check_log_bin, lambda facts: _describe_place(facts), for_backup=True),
    _Requirement("Session is logged", check_sql_log_bin, _on("sql_log_bin is on"), for_backup=True),
    _Requirement("Session is replicated", check_skip_replication, _on("not skipped"), for_backup=True),
    _Requirement("Binlog format", check_binlog_format, _on("binlog_format=ROW"), for_backup=True),
    _Requirement("Row image", check_row_image, _on("binlog_row_image=FULL"), for_backup=True),
    _Requirement("All schemas logged", check_filters, _on("no binlog filters"), for_backup=True),
    _Requirement("Right to ask for the position", check_status_privilege, _on("granted"), for_backup=True),
    _Requirement("Right to read the binlog", check_reader_privilege, _on("REPLICATION SLAVE"), for_backup=True),
    _Requirement("Right to read rows", check_select_privilege, _on("not refused"), for_backup=True),
    _Requirement("Sees foreign keys", check_process_privilege, _on("of all schemas, or logged"), for_backup=True),
    _Requirement("Sees triggers", check_trigger_privilege, _on("not refused"), for_backup=True),
    _Requirement("No needless rights", check_power, _on("no administrative rights"), for_backup=True),
    _Requirement("Binlog kept", check_retention, lambda facts: _describe_retention(facts), for_backup=True),
    _Requirement("Statements can be found", check_annotations, _on("their texts are logged"), for_backup=True),
    _Requirement("Crash safety", check_sync, _on("binlog and InnoDB are flushed at each commit"), for_backup=True),
)


def _describe_place(facts: ServerFacts) -> str:
    return f"at {facts.binlog.coordinates}" if facts.binlog.coordinates else "on"


def _describe_retention(facts: ServerFacts) -> str:
    seconds = facts.binlog.retention_seconds
    return "never deleted by age" if seconds is None else _describe_seconds(seconds)

"""What the backup server must be like before anything runs. Facts in, problems out."""

from __future__ import annotations

from changes.problems import Problem, Severity
from changes.server_facts import ServerFacts

SMALLEST_PACKET_BYTES = 16 * 1024 * 1024
PRIVILEGES = ("CREATE", "INSERT", "SELECT")


def check(facts: ServerFacts, backup_schema: str | None = None) -> list[Problem]:
    """Return what speaks against keeping backups on this server.

    backup_schema: the schema that will be written, or an example of its name; None judges rights on all schemas or any.
    """
    found = [_check_read_only(facts), _check_packet(facts), *_check_privileges(facts, backup_schema)]
    return [problem for problem in found if problem is not None]


def _problem(severity: Severity, name: str, found: str, needed: str, how: str) -> Problem:
    return Problem(f"backup.{name}", severity, found, needed, how)


def _check_read_only(facts: ServerFacts) -> Problem | None:
    if not (facts.read_only or facts.super_read_only):
        return None
    return _problem(
        "error",
        "read_only",
        "The backup server has read_only=ON.",
        "A backup server that takes writes.",
        "Enter another server in [inc] of the configuration, or SET GLOBAL read_only=OFF there.",
    )


def _check_packet(facts: ServerFacts) -> Problem | None:
    if facts.max_allowed_packet >= SMALLEST_PACKET_BYTES:
        return None
    return _problem(
        "warning",
        "max_allowed_packet",
        f"The backup server has max_allowed_packet={facts.max_allowed_packet}.",
        f"{SMALLEST_PACKET_BYTES}: a row in text is up to twice as long as the row, and has to fit.",
        f"SET GLOBAL max_allowed_packet={4 * SMALLEST_PACKET_BYTES} and write it into the server's configuration.",
    )


def _check_privileges(facts: ServerFacts, backup_schema: str | None) -> list[Problem | None]:
    missing = [name for name in PRIVILEGES if not _has(facts, name, backup_schema)]
    if not missing:
        return []
    where = backup_schema or "backup schemas"
    return [
        _problem(
            "error",
            "privilege",
            f"The account {facts.account} of the backup server lacks {', '.join(missing)} on {where}.",
            f"{', '.join(PRIVILEGES)}: backups are created, written and counted, never changed.",
            "Grant them on the backup schemas, whose names are host_port_schema, e.g. "
            r"GRANT CREATE, INSERT, SELECT ON `10\_0\_0\_1\_3306\_%`.* TO …",
        )
    ]


def _has(facts: ServerFacts, privilege: str, backup_schema: str | None) -> bool:
    if backup_schema is not None:
        return facts.grants.has_privilege(privilege, backup_schema)
    return any(line.has(privilege) and line.table_name is None for line in facts.grants.lines if not line.revoked)

"""How each change of a table will be made: by the server, by the target's online tool, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backups.rollback.ddl import digest
from changes import effort, keeping, online_rules, online_server, size_policy
from changes.effort import TableSize
from changes.models import Target
from changes.online_command import NAMES
from changes.problems import Problem
from changes.proof import ProofState, StatementProof
from changes.server_facts import ServerFacts
from changes.size_policy import TableChange
from changes.statements import Statement

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "TRIGGER")
"""What the online tool needs in the ticket's schema."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What the pages show of how a table is changed, and what is approved of it.

    effort: algorithm and size, in words. makes_wait: others have to wait for the server to make it.
    online: of a change by the online tool its "tool", the "clauses" it is given, and the digests of the table
        "before" and "after" it; else empty.
    """

    effort: str = ""
    makes_wait: bool = False
    online: Mapping[str, str] | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class TablePlanner:
    """What stays the same for all statements of a ticket. sizes: of the tables they change, by statement."""

    connection: Any
    facts: ServerFacts
    target: Target
    schema_name: str
    sizes: Mapping[int, TableSize]

    @classmethod
    def read(
        cls, connection: Any, facts: ServerFacts, target: Target, schema_name: str, statements: Sequence[Statement]
    ) -> TablePlanner:
        """Raises MySQLdb.Error."""
        sizes = {}
        for statement in statements:
            size = read_size(connection, facts, statement, schema_name)
            if size is not None:
                sizes[statement.number] = size
        return cls(connection, facts, target, schema_name, sizes)

    @property
    def has_large(self) -> bool:
        """Whether a table is large enough for it to matter how it is changed."""
        limits = [self.target.most_rewritten_mib] if self.target.most_rewritten_mib else []
        limits += [self.target.online_from_mib] if self._tool else []
        return any(size.size_bytes >= limit * size_policy.MIB for limit in limits for size in self.sizes.values())

    @property
    def _tool(self) -> str:
        return NAMES.get(self.target.online_tool, "")

    def plan(self, statement: Statement, found: StatementProof | None) -> PlannedChange:
        """Decide how `statement` is made. Raises MySQLdb.Error."""
        size = self.sizes.get(statement.number)
        if size is None or statement.facts is None or statement.kind not in effort.KINDS:
            return PlannedChange()
        algorithm = found.algorithm if found else ""
        table = statement.facts.written[0].table
        change = TableChange(
            statement.number, statement.line, table, size.size_bytes, algorithm, effort.makes_wait(algorithm)
        )
        first = effort.COPIED_FIRST if found and found.keeps else ""
        how = ", then ".join(filter(None, (first, algorithm)))
        words = "; ".join(filter(None, (how, effort.describe_size(table, size))))
        obstacle = ""
        if self._tool and size_policy.is_for_tool(change, self.target.online_from_mib):
            obstacle = self._find_obstacle(statement, found)
            if not obstacle:
                return PlannedChange(words, change.makes_wait, self._approve_online(statement, found))
        problem = size_policy.find_too_large(change, self.target.most_rewritten_mib, tool=self._tool, obstacle=obstacle)
        if problem is None and obstacle:
            problem = size_policy.warn_not_online(change, tool=self._tool, obstacle=obstacle)
        return PlannedChange(words, change.makes_wait, problems=(problem,) if problem else ())

    def _approve_online(self, statement: Statement, found: StatementProof | None) -> dict[str, str]:
        assert found is not None
        assert found.shape is not None
        return {
            "tool": self.target.online_tool,
            "clauses": online_rules.read_clauses(statement),
            "before": digest(found.shape[0]),
            "after": digest(found.shape[1]),
        }

    def _find_obstacle(self, statement: Statement, found: StatementProof | None) -> str:
        shape = found.shape if found and found.state is ProofState.PROVEN else None
        if found is not None and found.keeps:
            return "values that it takes away are copied first, while the table is locked"
        if found is not None and found.state is ProofState.LOST:
            return f"it would take values away without a word ({found.reason})"
        assert statement.facts is not None
        use = statement.facts.written[0]
        name = schema, table = (use.schema or self.schema_name, use.table)
        if reason := online_rules.find_obstacle(statement, shape, self.facts, schema):
            return reason
        missing = next((right for right in RIGHTS if not self.facts.grants.has_privilege(right, schema)), "")
        if missing:
            return f"the account lacks {missing} on {schema}"
        if online_server.find_triggers(self.connection, schema, table):
            return "the table has triggers"
        return keeping.find_children(self.connection, self.facts.flavor, self.facts.grants, name)


def read_size(connection: Any, facts: ServerFacts, statement: Statement, schema_name: str) -> TableSize | None:
    """Return the size of the table that a statement changes; None for one that changes no table's definition.

    Raises MySQLdb.Error.
    """
    if statement.facts is None or statement.kind not in effort.KINDS:
        return None
    use = statement.facts.written[0]
    return effort.read_size(connection, facts.flavor, (use.schema or schema_name, use.table))

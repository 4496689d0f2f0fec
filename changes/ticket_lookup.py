"""Answers for `backups`: which ticket a stored statement belongs to, and what its target is called."""

from __future__ import annotations

from collections.abc import Collection

from changes.models import ExecutedStatement, Target


class StoredTicketLookup:
    """Looks in the application's own tables, by opid_time, which is indexed."""

    def target_names(self, target_ids: Collection[int]) -> dict[int, str]:
        return dict(Target.objects.filter(pk__in=target_ids).values_list("pk", "name"))

    def ticket_ids(self, backup_schema: str, opid_times: Collection[str]) -> dict[str, int]:
        statements = ExecutedStatement.objects.filter(opid_time__in=opid_times, backup_schema=backup_schema)
        return dict(statements.values_list("opid_time", "execution__ticket_id"))

    def opid_times(self, backup_schema: str, ticket_id: int) -> list[str]:
        statements = ExecutedStatement.objects.filter(execution__ticket_id=ticket_id, backup_schema=backup_schema)
        return list(statements.exclude(opid_time="").values_list("opid_time", flat=True))

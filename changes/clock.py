"""The application database's own clock: leases of workers on several machines are compared by one clock only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now


class DatabaseNow(Now):
    """The moment, in UTC, by the database's clock."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Django keeps times in UTC; CURRENT_TIMESTAMP is in the time zone of the session.
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def database_now_plus(span: timedelta) -> ExpressionWrapper[Any]:
    """Return the moment `span` from now, by the database's clock."""
    return ExpressionWrapper(DatabaseNow() + span, output_field=DateTimeField())

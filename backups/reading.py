"""What the backup server answers when it is only asked, as words for people: found, needed, how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connections

from backups.errors import BackupError
from backups.routers import BACKUP_ALIAS

_NO_SUCH_TABLE = {1146, 1049}
_NOT_A_RECORDS_TABLE = 1054
_DENIED = {1044, 1045, 1142, 1143, 1227, 1698}


class BrowseError(BackupError):
    """Something stored cannot be shown. status: of the page that says so."""

    def __init__(self, found: str, needed: str, how: str, *, status: int = 503) -> None:
        super().__init__(f"{found} {needed} {how}")
        self.found, self.needed, self.how, self.status = found, needed, how, status


@contextmanager
def reading() -> Iterator[None]:
    """Turn what the backup server answers inside the block into words. Raises BrowseError."""
    connection = connections[BACKUP_ALIAS]
    server = f"{connection.settings_dict['HOST']}:{connection.settings_dict['PORT']}"
    try:
        # Once more around Django's own: it closes the cursor of a failed query outside of it, so that a server that
        # goes away in the middle of a page is an error of the driver.
        with connection.wrap_database_errors:
            yield
    except Error as error:
        raise _explain(error, server) from error


def _explain(error: Exception, server: str) -> BrowseError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = " ".join(str(part) for part in error.args)
    if number in _NO_SUCH_TABLE or number == _NOT_A_RECORDS_TABLE:
        return BrowseError(
            "The backup server has no such backup.",
            "Needed: a schema and tables in the backup format.",
            f"It may have been dropped there, or the address is mistyped. The server said: {said}",
            status=404,
        )
    if number in _DENIED:
        return BrowseError(
            f"The backup server {server} refuses the account of Inception.",
            "Needed: an account that may read the backup schemas.",
            f"Check backup_user and backup_password in [inc] of config.toml. The server said: {said}",
        )
    return BrowseError(
        f"The backup server {server} does not answer.",
        "Needed: a connection to it; the backups are kept there and nowhere else.",
        f"Look whether it runs, then reload. Its address is in [inc] of config.toml. The answer was: {said}",
    )

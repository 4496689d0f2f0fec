"""It keeps Django's own tables off the backup server."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import router

from backups.models import BackupInformation, BackupSchema, information_of, records_of


@pytest.mark.parametrize("model", [BackupInformation, information_of("b"), records_of("b", "t")])
def test_it_reads_backup_tables_on_the_backup_server(model: type) -> None:
    assert router.db_for_read(model) == router.db_for_write(model) == "backup"


@pytest.mark.parametrize("model", [BackupSchema, User])
def test_it_keeps_the_applications_data_apart(model: type) -> None:
    assert router.db_for_read(model) == "default"


def test_it_migrates_nothing_on_the_backup_server() -> None:
    assert not router.allow_migrate("backup", "auth")
    assert router.allow_migrate("default", "auth")

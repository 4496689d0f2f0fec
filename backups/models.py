"""Which backup schema belongs to which target and schema; and the tables in it, read through the alias "backup"."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.apps.registry import Apps
from django.db import IntegrityError, models, transaction

from backups.errors import StoreError
from backups.rollback.literals import quote_identifier
from backups.schema import INFORMATION_TABLE, build_distinct_name, build_schema_name


class BackupSchema(models.Model):
    """The one backup schema of one schema of one target. Two of them never share a name."""

    target_id = models.BigIntegerField("target")
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    schema_name = models.CharField(max_length=64)
    name = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["target_id", "schema_name"], name="backups_one_schema_per_target_schema")
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def find_collision(cls, target_id: int, host: str, port: int, schema_name: str) -> BackupSchema | None:
        """Return the other schema that has goInception's name for this one; None when the name is free or ours."""
        found = cls.objects.filter(name__iexact=build_schema_name(host, port, schema_name)).first()
        if found is None or (found.target_id, found.schema_name) == (target_id, schema_name):
            return None
        return found

    @classmethod
    def claim(cls, target_id: int, host: str, port: int, schema_name: str) -> BackupSchema:
        """Return the backup schema of `schema_name` on this target, naming it the first time.

        A name taken by another schema, also one that differs in case only, is not shared: the second gets a hash.
        Raises StoreError when no name of its own could be had.
        """
        names = (
            build_schema_name(host, port, schema_name),
            build_distinct_name(target_id, host, port, schema_name),
        )
        for name in names:
            found = cls.objects.filter(target_id=target_id, schema_name=schema_name).first()
            # A case-insensitive application database finds `Shop` for `shop`.
            if found is not None and found.schema_name == schema_name:
                return found
            if found is None and not cls.objects.filter(name__iexact=name).exists():
                with suppress(IntegrityError), transaction.atomic():
                    return cls.objects.create(
                        target_id=target_id, host=host, port=port, schema_name=schema_name, name=name
                    )
        found = cls.objects.filter(target_id=target_id, schema_name=schema_name).first()
        if found is not None and found.schema_name == schema_name:
            return found
        raise StoreError(
            f"{host}:{port}/{schema_name}: both names for its backup schema, {' and '.join(names)}, belong to other"
            " schemas. Needed: a name of its own. Rename the row of the other one in Backup schemas."
        )


class InformationFields(models.Model):
    """One executed statement. Columns and their order are goInception's."""

    opid_time = models.CharField(max_length=50, primary_key=True)
    start_binlog_file = models.CharField(max_length=512)
    start_binlog_pos = models.BigIntegerField()
    end_binlog_file = models.CharField(max_length=512)
    end_binlog_pos = models.BigIntegerField()
    sql_statement = models.TextField()
    host = models.CharField(max_length=255)
    dbname = models.CharField("schema", max_length=64)
    tablename = models.CharField("table", max_length=64)
    port = models.IntegerField()
    time = models.DateTimeField("executed at")
    type = models.CharField(max_length=20)

    class Meta:
        abstract = True
        managed = False

    def __str__(self) -> str:
        return f"{self.opid_time} {self.type} {self.dbname}.{self.tablename}"


class RecordFields(models.Model):
    """One rollback statement."""

    id = models.BigAutoField(primary_key=True)
    rollback_statement = models.TextField()
    opid_time = models.CharField(max_length=50)

    class Meta:
        abstract = True
        managed = False

    def __str__(self) -> str:
        return f"{self.opid_time} #{self.id}"


class BackupInformation(InformationFields):
    """Stands for all information tables where one name is needed: admin and permissions."""

    class Meta:
        managed = False
        db_table = INFORMATION_TABLE
        verbose_name = "executed statement"


class RollbackRecord(RecordFields):
    """Stands for all per-table backup tables where one name is needed: admin and permissions."""

    class Meta:
        managed = False
        db_table = "rollback_record"
        verbose_name = "rollback record"


@lru_cache(maxsize=512)
def information_of(backup_schema: str) -> type[InformationFields]:
    """Return the model of the information table in `backup_schema`."""
    model: type[InformationFields] = _build_model(
        "BackupInformation", InformationFields, backup_schema, INFORMATION_TABLE
    )
    return model


@lru_cache(maxsize=512)
def records_of(backup_schema: str, table_name: str) -> type[RecordFields]:
    """Return the model of the backup table of `table_name` in `backup_schema`."""
    model: type[RecordFields] = _build_model("RollbackRecord", RecordFields, backup_schema, table_name)
    return model


def _build_model(name: str, fields: Any, backup_schema: str, table: str) -> Any:
    # A registry of its own: these come and go with schemas, and Django's knows a model by its name alone.
    # Django leaves a name that begins and ends with a backtick as it is, and formats the text with %.
    options = {
        "managed": False,
        "app_label": "backups",
        "apps": Apps(),
        "db_table": f"{quote_identifier(backup_schema)}.{quote_identifier(table)}".replace("%", "%%"),
    }
    return type(name, (fields,), {"__module__": __name__, "Meta": type("Meta", (), options)})

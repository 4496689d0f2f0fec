"""The queue of record: tickets, who decided what, and what became of every statement."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from backups.evidence import Evidence
from changes import secrets
from changes.problems import Problem
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState, TransactionMode
from changes.targets import TargetAddress, TargetError


def _choices(states: Any) -> list[tuple[str, str]]:
    return [(state.value, state.value.replace("_", " ")) for state in states]


class Target(models.Model):
    """A server that tickets may run on, the account they run as, and this server's policies."""

    class TlsMode(models.TextChoices):
        DISABLED = "disabled", "off"
        REQUIRED = "required", "required"
        VERIFY_CA = "verify_ca", "required, certificate authority verified"
        VERIFY_IDENTITY = "verify_identity", "required, authority and host name verified"

    class Environment(models.TextChoices):
        PRODUCTION = "production", "production"
        STAGING = "staging", "staging"
        TEST = "test", "test"
        DEVELOPMENT = "development", "development"

    class RunPolicy(models.TextChoices):
        ON_APPROVAL = "on_approval", "at once, on the last approval"
        BY_EXECUTOR = "by_executor", "when a person with the right to execute says so"

    class RollbackPolicy(models.TextChoices):
        ONE_CLICK = "one_click", "at once, by anyone with the right to roll back"
        REVIEWED = "reviewed", "after approval by a second person"

    class OnlineTool(models.TextChoices):
        NONE = "none", "none: every schema change is made by the server"
        PT_OSC = "pt_osc", "pt-online-schema-change"

    name = models.CharField(max_length=64, unique=True, help_text="The short name people choose, e.g. shop-main.")
    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=3306)
    user = models.CharField("account", max_length=80)
    password_encrypted = models.TextField(blank=True, editable=False)
    tls_mode = models.CharField("TLS", max_length=16, choices=TlsMode.choices, default=TlsMode.REQUIRED)
    tls_ca = models.CharField(
        "CA file", max_length=255, blank=True, help_text="Path on the workers; needed for the verifying modes."
    )
    environment = models.CharField(max_length=16, choices=Environment.choices, default=Environment.PRODUCTION)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    run_policy = models.CharField(max_length=16, choices=RunPolicy.choices, default=RunPolicy.ON_APPROVAL)
    rollback_policy = models.CharField(max_length=16, choices=RollbackPolicy.choices, default=RollbackPolicy.ONE_CLICK)
    most_running = models.PositiveSmallIntegerField(
        "tickets at a time",
        default=4,
        help_text="Running on this server at once; in one schema only one runs at a time.",
    )
    lock_wait_seconds = models.PositiveIntegerField(
        "wait for locks, seconds", default=30, help_text="A statement that waits longer fails, and is tried again."
    )
    statement_seconds = models.PositiveIntegerField(
        "time for one statement, seconds",
        default=3600,
        help_text="A statement that takes longer is stopped on the server (KILL QUERY).",
    )
    most_child_rows = models.PositiveIntegerField(
        "rows kept of child tables",
        default=100_000,
        help_text="That foreign keys may change by themselves, where the binlog does not tell of it; more is refused.",
    )
    most_copied_mib = models.PositiveIntegerField(
        "copied before they are lost, MiB",
        default=1024,
        help_text="Of a table whose values are copied before a schema change takes them away.",
    )
    most_rewritten_mib = models.PositiveIntegerField(
        "tables written anew, MiB",
        default=10_240,
        help_text="A schema change that copies a larger table while others wait is refused; 0 for no limit.",
    )
    online_tool = models.CharField(
        "online schema changes", max_length=8, choices=OnlineTool.choices, default=OnlineTool.NONE
    )
    online_from_mib = models.PositiveIntegerField(
        "online from, MiB",
        default=1024,
        help_text="A table of this size that would be copied while others wait is changed by the online tool instead.",
    )
    keep_days = models.PositiveIntegerField(
        "data set aside is kept, days", default=30, help_text="What a schema change took away; 0 for ever."
    )
    backup_days = models.PositiveIntegerField(
        "backups are kept, days", default=0, help_text="Records of changed rows, on the backup server; 0 for ever."
    )
    is_active = models.BooleanField("takes tickets", default=True)
    server_version = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        permissions: ClassVar = [("purge_backups", "Can purge kept data and backups")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(approvals_needed__gte=1), name="target_needs_an_approval"),
            models.CheckConstraint(condition=Q(most_running__gte=1), name="target_runs_a_ticket"),
            models.CheckConstraint(
                condition=Q(lock_wait_seconds__gte=1, statement_seconds__gte=1), name="target_has_time_limits"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def set_password(self, password: str) -> None:
        """Encrypt `password` for this target. The target must be saved, since its id is part of the ciphertext."""
        self.password_encrypted = secrets.encrypt(password, context=f"target:{self.pk}")

    @property
    def address(self) -> TargetAddress:
        """The address with the password in clear: for connecting, never for a page or a log.

        Raises TargetError when the stored password cannot be opened.
        """
        try:
            password = (
                secrets.decrypt(self.password_encrypted, context=f"target:{self.pk}") if self.password_encrypted else ""
            )
        except secrets.SecretError as error:
            raise TargetError(
                Problem(
                    id="target.password",
                    severity="error",
                    found=str(error),
                    needed="A password that can be opened.",
                    how="Enter the password of the target again.",
                )
            ) from error
        return TargetAddress(
            host=self.host,
            port=self.port,
            user=self.user,
            password=password,
            tls_mode=self.tls_mode,
            tls_ca=self.tls_ca or None,
        )


class Ticket(models.Model):
    """A change that somebody asks for. `rolls_back` names the ticket that this one undoes."""

    class Origin(models.TextChoices):
        BROWSER = "browser", "browser"
        COMMAND = "command", "command line"

    title = models.CharField(max_length=200)
    reason = models.TextField(blank=True, help_text="Why the change is needed; the approver reads it first.")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="tickets")
    schema_name = models.CharField("schema", max_length=64)
    sql = models.TextField("SQL", blank=True)
    backup = models.BooleanField("back up every changed row", default=True)
    no_backup_reason = models.TextField("why no backup", blank=True)
    accepts_loss = models.BooleanField("what cannot be undone may be lost", default=False)
    run_not_before = models.DateTimeField(null=True, blank=True)
    transaction_mode = models.CharField(
        "transaction",
        max_length=8,
        choices=[
            (TransactionMode.AUTO.value, "all in one where that can be"),
            (TransactionMode.ONE.value, "all statements in one"),
            (TransactionMode.EACH.value, "each statement by itself"),
        ],
        default=TransactionMode.AUTO.value,
    )
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    inspection = models.JSONField(default=dict, blank=True, editable=False)
    state = models.CharField(
        max_length=16, choices=_choices(TicketState), default=TicketState.DRAFT.value, editable=False, db_index=True
    )
    backup_state = models.CharField(
        max_length=16, choices=_choices(BackupState), default=BackupState.NONE.value, editable=False
    )
    rollback_state = models.CharField(
        max_length=16, choices=_choices(RollbackState), default=RollbackState.NONE.value, editable=False
    )
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.BROWSER, editable=False)
    reviewed = models.BooleanField(default=True, editable=False)
    rolls_back = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="rollbacks", editable=False
    )
    rollback_plan = models.JSONField(default=dict, blank=True, editable=False)
    continues = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="continuations", editable=False
    )
    submitter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="tickets", editable=False
    )
    last_editor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    form_key = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001  NULLs are distinct, "" is not
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions: ClassVar = [
            ("submit_ticket", "Can submit tickets for review"),
            ("approve_ticket", "Can approve and reject tickets of others"),
            ("execute_ticket", "Can run approved tickets"),
            ("rollback_ticket", "Can roll back executed tickets"),
            ("view_rows", "Can see the row values in backups"),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "-id"])]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["submitter", "form_key"], name="one_ticket_per_form"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("admin:changes_ticket_change", args=[self.pk])

    @property
    def ticket_state(self) -> TicketState:
        return TicketState(self.state)

    @property
    def is_rollback(self) -> bool:
        return self.rolls_back_id is not None

    @property
    def is_one_transaction(self) -> bool:
        """Whether the check found that all statements run in one transaction: what the approver saw."""
        return bool(self.inspection.get("one_transaction"))

    @property
    def problems(self) -> list[Problem]:
        """The findings of the last inspection, worst first as stored."""
        return [Problem.from_dict(entry) for entry in self.inspection.get("problems", [])]

    @property
    def last_execution(self) -> Execution | None:
        return self.executions.order_by("-number").first()


class Installation(models.Model):
    """This installation, in one row. short_id: as changes.installation gives it; 8 hex digits."""

    ONLY: ClassVar = 1

    # Not counted by the server: MySQL takes no check on a column that it counts.
    row = models.PositiveSmallIntegerField(primary_key=True, default=1)
    short_id = models.CharField(max_length=8)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(row=1), name="one_installation")]

    def __str__(self) -> str:
        return self.short_id


class Approval(models.Model):
    """One person's decision about one content of a ticket.

    submitter and last_editor repeat the ticket's at the moment of the decision, so that four eyes is a rule of the
    database and not of a code path.
    """

    class Decision(models.TextChoices):
        APPROVE = "approve", "approved"
        REJECT = "reject", "rejected"

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="approvals")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals")
    submitter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    last_editor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    comment = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(person=F("submitter")), name="approver_is_not_the_submitter"),
            models.CheckConstraint(condition=~Q(person=F("last_editor")), name="approver_is_not_the_last_editor"),
            models.UniqueConstraint(
                fields=["ticket", "person", "content_hash"],
                condition=Q(voided_at__isnull=True),
                name="one_decision_per_person_and_content",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_decision_display()} {self.ticket_id}"


class Execution(models.Model):
    """One attempt to run a ticket. `fence` rises with every claim and every take-over; every later write names it.

    claims: how often a worker took it from the queue.

    lease_until: by the clock of this database. A lease that ran out says that nobody is at work any more.
    look_again_at: when the next look is due at what could not be decided or backed up; looks: how many there were.
    evidence: what the last look found, for the page where a person decides.
    installation: id of this installation when it was first claimed, in all that is named after it on a server; ""
        before that, and where it was claimed before installations had one: then their names have none.
    binlog_facts: what its session read of the server's binlog: {"retention_seconds": …}, None there where the server
        never purges by age; {} before it was connected.
    """

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="executions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=_choices(ExecutionState), default=ExecutionState.QUEUED.value)
    fence = models.PositiveIntegerField(default=0)
    claims = models.PositiveIntegerField(default=0)
    installation = models.CharField(max_length=8, blank=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=255, blank=True)
    content_hash = models.CharField(max_length=64)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    server_identity = models.CharField(max_length=255, blank=True)
    server_version = models.CharField(max_length=64, blank=True)
    connection_id = models.BigIntegerField(null=True)
    problems = models.JSONField(default=list)
    error = models.TextField(blank=True)
    rollback_result = models.JSONField(default=dict)
    one_transaction = models.BooleanField(default=False)
    evidence = models.JSONField(default=dict)
    binlog_facts = models.JSONField(default=dict)
    looks = models.PositiveIntegerField(default=0)
    look_again_at = models.DateTimeField(null=True)
    stop_requested_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["ticket", "number"], name="execution_number_is_unique"),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"execution {self.pk} of ticket {self.ticket_id}"


class SnapshotText(models.Model):
    """What a statement could touch, as read before it was sent; equal ones are kept once.

    A worker that takes over reads the rows of a dead one's statement with it: the table may be another by then.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()

    def __str__(self) -> str:
        return self.sha256[:12]


class ExecutedStatement(models.Model):
    """One statement of one execution: the exact text, the intent before it was sent, and what is known after."""

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="statements")
    seq = models.PositiveIntegerField(help_text="Number of the statement in the ticket, from 0.")
    sql = models.TextField()
    sql_sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    schema_name = models.CharField(max_length=64, blank=True)
    table_name = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=16, choices=_choices(Outcome), default=Outcome.WAITING.value)
    intent_at = models.DateTimeField(null=True)
    commit_sent_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)
    definitions_before = models.JSONField(
        default=dict, help_text="Of a schema change: its tables and views before it ran, from which its undo is made."
    )
    kept_children = models.JSONField(
        default=dict, help_text="Where rows that its foreign keys change were copied, in its own transaction."
    )
    online = models.JSONField(
        default=dict, help_text="Of a change by an online tool: what it was told, and whether it left something."
    )
    progress = models.JSONField(default=dict, help_text="How far the online tool is, as its worker last wrote.")
    wants_pause = models.BooleanField(default=False, help_text="Somebody asked that the online tool waits.")
    start_file = models.CharField(max_length=512, blank=True)
    start_position = models.BigIntegerField(null=True)
    end_file = models.CharField(max_length=512, blank=True)
    end_position = models.BigIntegerField(null=True)
    gtid_before = models.CharField(max_length=255, blank=True)
    gtid_after = models.CharField(max_length=255, blank=True)
    thread_id = models.BigIntegerField(null=True)
    snapshot = models.ForeignKey(SnapshotText, null=True, on_delete=models.PROTECT, related_name="+")
    undo_statements = models.JSONField(default=list)
    undo_missing = models.TextField(blank=True)
    retries = models.JSONField(default=list)
    affected_rows = models.BigIntegerField(null=True)
    warnings = models.JSONField(default=list)
    error = models.TextField(blank=True)
    execute_seconds = models.FloatField(null=True)
    opid_time = models.CharField(max_length=50, blank=True, db_index=True)
    backup_schema = models.CharField(max_length=64, blank=True)
    backup_table = models.CharField(max_length=64, blank=True)
    backup_state = models.CharField(max_length=16, choices=_choices(BackupState), default=BackupState.NONE.value)
    backup_reason = models.TextField(blank=True)
    backup_explanation = models.TextField(blank=True)
    rows_captured = models.BigIntegerField(null=True)
    records_stored = models.BigIntegerField(null=True)
    rows_archived = models.BigIntegerField(null=True)
    archive_sha256 = models.CharField(max_length=64, blank=True)
    records_sha256 = models.CharField(max_length=64, blank=True)
    backup_signature = models.CharField(max_length=64, blank=True)
    backup_seconds = models.FloatField(null=True)
    purge_began_at = models.DateTimeField(null=True, help_text="When its ticket was told that its backup goes.")
    purged_at = models.DateTimeField(null=True, help_text="Since when nothing of its backup is left.")
    kept_with = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="keeps", editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    undone_by = models.ForeignKey(
        Ticket, null=True, on_delete=models.PROTECT, related_name="undone_statements", editable=False
    )

    class Meta:
        ordering = ("execution_id", "seq")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["execution", "seq"], name="statement_runs_once_per_execution"),
        ]
        indexes: ClassVar = [models.Index(fields=["backup_schema", "purged_at"])]

    def __str__(self) -> str:
        return f"statement {self.seq} of execution {self.execution_id}"

    @property
    def evidence(self) -> Evidence | None:
        """What its backup was when it was kept; None when nothing was."""
        if not self.archive_sha256:
            return None
        return Evidence(
            self.backup_schema,
            self.backup_table,
            self.opid_time,
            self.records_stored or 0,
            self.records_sha256,
            self.archive_sha256,
        )


class Activity(models.Model):
    """What happened to a ticket, append-only: written in the transaction of the change it tells of."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="activities")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=32)
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16, blank=True)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "activities"

    def __str__(self) -> str:
        return f"{self.verb} ticket {self.ticket_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("Activity rows are append-only; write a new one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("Activity rows are append-only; they are never deleted.")

"""The forms of a ticket: its content, a decision, and the choices of a rollback."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q

from changes.actions import RollbackPlan, TicketFields
from changes.models import Target, Ticket
from changes.states import TransactionMode

_LINE_BREAKS = ("\r\n", "\r")


def to_line_feeds(text: str) -> str:
    """Return `text` with the line ends that a browser shows and sends back as CRLF made LF again."""
    for line_break in _LINE_BREAKS:
        text = text.replace(line_break, "\n")
    return text


def decode_sql(data: bytes, name: str) -> str:
    """Return the file's text, every character kept. Raises ValidationError naming the first byte that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValidationError(
            f"Line {line} of {name} has byte 0x{data[error.start]:02X}, which is not UTF-8. Needed: SQL in UTF-8. "
            f"How: save the file as UTF-8, or convert it (iconv -f ISO-8859-1 -t UTF-8), then choose it again.",
            code="not_utf8",
        ) from error


class TargetChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, target: Target) -> str:
        return f"{target.name} ({target.get_environment_display()}, {target.host}:{target.port})"


_TRANSACTION_WORDS: dict[str, str] = {
    TransactionMode.AUTO: "Row changes on InnoDB: all of them or none. Others each by itself; the ticket says which.",
    TransactionMode.ONE: "All of them or none. Refused where no server can promise that, e.g. with a schema change.",
    TransactionMode.EACH: "Shorter locks. When one fails, those before it stay, and can be undone.",
}


def _transaction_modes() -> list[tuple[str, str]]:
    return [(str(value), str(label)) for value, label in Ticket._meta.get_field("transaction_mode").flatchoices]


class TicketForm(forms.Form):
    """Title, reason, target, SQL and options.

    The SQL may be empty, unterminated or forbidden: it is kept as a draft, with its findings. Refused here is only what
    cannot be kept: no UTF-8, over the size limit, or two texts at once.
    """

    target = TargetChoice(
        queryset=Target.objects.none(),
        empty_label="Choose a target",
        error_messages={
            "required": "No target chosen. Needed: the server that the SQL is for. Choose one of the list."
        },
    )
    schema_name = forms.CharField(
        label="Schema",
        max_length=64,
        error_messages={"required": "No schema given. Needed: the schema whose tables the SQL names without prefix."},
    )
    title = forms.CharField(
        max_length=200, error_messages={"required": "No title given. Say in a few words what the ticket does."}
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "No reason given. The approver reads it first: say why the change is needed."},
    )
    sql = forms.CharField(label="SQL", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 14}))
    sql_file = forms.FileField(label="Or a .sql file", required=False, allow_empty_file=True)
    backup = forms.TypedChoiceField(
        choices=[("on", "on"), ("off", "off")],
        initial="on",
        coerce=lambda choice: choice == "on",
        widget=forms.RadioSelect,
    )
    no_backup_reason = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    accepts_loss = forms.BooleanField(required=False)
    run_not_before = forms.DateTimeField(
        required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    transaction_mode = forms.ChoiceField(
        label="Transaction",
        choices=_transaction_modes,
        required=False,
    )
    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)
    form_key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, ticket: Ticket | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ticket = ticket
        current = Q(pk=ticket.target_id) if ticket else Q()
        usable = Q(is_active=True) | current if ticket else Q(is_active=True)
        self.fields["target"].queryset = Target.objects.filter(usable)  # type: ignore[attr-defined]
        # The check names a NUL byte with its line; a form error would lose the text.
        self.fields["sql"].validators = []
        self.label_suffix = ""
        for name, field in self.fields.items():
            field.widget.attrs.setdefault("aria-describedby", f"{name}-note")

    @classmethod
    def of(cls, ticket: Ticket) -> TicketForm:
        """Return the form that edits `ticket`."""
        initial = {
            "target": ticket.target_id,
            "backup": "on" if ticket.backup else "off",
            "seen_at": ticket.updated_at.isoformat(),
        }
        names = ("schema_name", "title", "reason", "sql", "no_backup_reason", "accepts_loss", "run_not_before")
        for name in (*names, "transaction_mode"):
            initial[name] = getattr(ticket, name)
        return cls(initial=initial, ticket=ticket)

    @property
    def transaction_choices(self) -> list[tuple[str, str, str]]:
        """Value, label, and what it means, of each way to commit."""
        return [(value, label.capitalize(), _TRANSACTION_WORDS[value]) for value, label in _transaction_modes()]

    @property
    def chosen_transaction(self) -> str:
        return str(self["transaction_mode"].value() or TransactionMode.AUTO.value)

    def clean_transaction_mode(self) -> str:
        return self.cleaned_data["transaction_mode"] or TransactionMode.AUTO.value

    def clean_sql(self) -> str:
        """Undo what the browser did to line ends; a text that was not touched keeps the bytes it was stored with."""
        typed = to_line_feeds(self.cleaned_data["sql"])
        if self.ticket is not None and typed == to_line_feeds(self.ticket.sql):
            return self.ticket.sql
        self._check_size(len(typed.encode()), "The SQL")
        return typed

    def clean_sql_file(self) -> str | None:
        upload: UploadedFile[bytes] | None = self.cleaned_data["sql_file"]
        if upload is None:
            return None
        self._check_size(upload.size or 0, f"{upload.name}")
        return decode_sql(upload.read(), str(upload.name))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("backup") is False and not cleaned.get("no_backup_reason", "").strip():
            self.add_error(
                "no_backup_reason",
                "Backup is off without a reason. Needed: a reason the approver can judge, since what runs without a "
                "backup cannot be rolled back. Give one, or switch the backup on.",
            )
        if cleaned.get("sql_file") is not None:
            self._take_file(cleaned)
        return cleaned

    def _take_file(self, cleaned: dict[str, Any]) -> None:
        typed = cleaned.get("sql", "")
        if typed and (self.ticket is None or typed != self.ticket.sql):
            self.add_error(
                "sql_file",
                "There is SQL in the box and a file. Needed: one of them. Empty the box to use the file, or leave the "
                "file out.",
            )
            return
        cleaned["sql"] = cleaned["sql_file"]
        if self.errors:
            self._keep_file(cleaned["sql"])

    def _keep_file(self, text: str) -> None:
        """A browser does not send a file twice: put its text in the box, where a box can hold it unchanged."""
        if "\r" in text:
            self.add_error("sql_file", "Choose the file again: browsers do not keep a file when a page comes back.")
            return
        self.data = {**self.data.dict(), "sql": text}  # type: ignore[attr-defined]

    def _check_size(self, size_bytes: int, what: str) -> None:
        limit = settings.INCEPTION.site.max_sql_bytes
        if size_bytes > limit:
            raise ValidationError(
                f"{what} has {size_bytes:,} bytes. Needed: at most {limit:,} bytes in one ticket. How: split it into "
                f"several tickets, or ask an administrator to raise [site] max_sql_bytes.",
                code="too_large",
            )

    @property
    def fields_of_ticket(self) -> TicketFields:
        names = TicketFields.__dataclass_fields__
        return TicketFields(**{name: self.cleaned_data[name] for name in names})

    @property
    def page_seen_at(self) -> datetime | None:
        text = self.cleaned_data["seen_at"]
        return datetime.fromisoformat(text) if text else None

    def clean_seen_at(self) -> str:
        text: str = self.cleaned_data["seen_at"]
        try:
            datetime.fromisoformat(text or "2000-01-01T00:00:00+00:00")
        except ValueError as error:
            raise ValidationError("The page is damaged; reload it and apply your change again.") from error
        return text


class DecisionForm(forms.Form):
    """What an approver says about the content that was on the screen."""

    content_hash = forms.CharField(required=False)
    comment = forms.CharField(required=False, strip=True)


class ReasonForm(forms.Form):
    """Why somebody does what cannot be taken back."""

    reason = forms.CharField(strip=True)


class OutcomeForm(ReasonForm):
    """What a person found on the server about an outcome that is not known."""

    applied = forms.TypedChoiceField(
        choices=[("yes", "yes"), ("no", "no")],
        coerce=lambda choice: choice == "yes",
        error_messages={"required": "Choose what you found: it took effect, or it did not."},
    )
    field_order = ("applied", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].error_messages["required"] = "A decision needs a reason: say what you saw on the server."

    @property
    def words(self) -> str:
        return " ".join(str(text) for texts in self.errors.values() for text in texts)


class KillForm(forms.Form):
    """statement: key of the one that the person saw running; none when none did."""

    statement = forms.IntegerField(required=False)


class RollbackForm(forms.Form):
    """Which statements to put back, and what to do with rows that others changed since.

    numbers: of the statements that can be put back. A page that is opened without choices means all of them.
    """

    statements = forms.TypedMultipleChoiceField(coerce=int, required=False)
    on_conflict = forms.ChoiceField(choices=[(name, name) for name in ("stop", "skip", "overwrite")], required=False)
    reason = forms.CharField(required=False)
    after = forms.CharField(required=False)
    picked = forms.CharField(required=False, help_text="Set when the person had the ticks on the screen.")

    def __init__(self, *args: Any, numbers: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.numbers = numbers
        self.fields["statements"].choices = [(number, number) for number in numbers]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("picked") and not cleaned.get("statements"):
            self.add_error("statements", "No statement is chosen. Tick at least one that should be put back.")
        return cleaned

    @property
    def plan(self) -> RollbackPlan:
        chosen = tuple(sorted(self.cleaned_data["statements"]))
        every = not chosen or set(chosen) == set(self.numbers)
        return RollbackPlan(statements=() if every else chosen, on_conflict=self.cleaned_data["on_conflict"] or "stop")

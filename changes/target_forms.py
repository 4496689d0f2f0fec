"""The form of a target: the password goes in and never comes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from changes import secrets
from changes.models import Target

if TYPE_CHECKING:
    _TargetForm = forms.ModelForm[Target]
else:
    _TargetForm = forms.ModelForm

# From the one that protects least. A stored password must not travel with less protection than it was given for.
_TLS_STRENGTH = [
    Target.TlsMode.DISABLED,
    Target.TlsMode.REQUIRED,
    Target.TlsMode.VERIFY_CA,
    Target.TlsMode.VERIFY_IDENTITY,
]
_VERIFYING = {Target.TlsMode.VERIFY_CA, Target.TlsMode.VERIFY_IDENTITY}
# The driver reads more than one name in `host`: "a:1,b:2" is a list of servers.
_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")
_HELP_WHEN_NONE_IS_STORED = (
    "Stored encrypted, never shown again. Leave it empty only for an account without a password."
)
_HELP_WHEN_ONE_IS_STORED = (
    "A password is stored and cannot be shown. Leave it empty to keep it. Needed again when host, port, account or CA "
    "file change or TLS becomes weaker: it must not reach another server than the one it was typed for."
)


class TargetForm(_TargetForm):
    """Name, address, account, policies and limits of a target.

    An empty password keeps the stored one, unless the address it would be sent to changes.
    """

    password = forms.CharField(
        required=False,
        strip=False,
        max_length=256,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    port = forms.IntegerField(min_value=1, max_value=65535, initial=3306)
    approvals_needed = forms.IntegerField(
        min_value=1, max_value=10, initial=1, help_text="How many people other than the submitter must approve."
    )
    most_running = forms.IntegerField(
        label="Tickets at a time",
        min_value=1,
        max_value=64,
        initial=4,
        help_text="Running on this server at once, on all workers together. In one schema only one runs at a time.",
    )
    lock_wait_seconds = forms.IntegerField(
        label="Wait for locks",
        min_value=1,
        max_value=3600,
        initial=30,
        help_text="In seconds, for row locks and for metadata locks. A statement that waits longer is aborted by the "
        "server, and tried again up to three times, since nothing was done. A schema change that waits keeps everybody "
        "behind it waiting too: rather short.",
    )
    statement_seconds = forms.IntegerField(
        label="Statement time",
        min_value=1,
        max_value=7 * 86400,
        initial=3600,
        help_text="In seconds. A statement that takes longer is ended on the server (KILL QUERY). What became of it is "
        "read from the binlog, as always.",
    )

    class Meta:
        model = Target
        fields = (
            "name",
            "environment",
            "is_active",
            "host",
            "port",
            "user",
            "tls_mode",
            "tls_ca",
            "approvals_needed",
            "run_policy",
            "rollback_policy",
            "most_running",
            "lock_wait_seconds",
            "statement_seconds",
            "most_child_rows",
            "most_copied_mib",
            "most_rewritten_mib",
            "online_tool",
            "online_from_mib",
            "keep_days",
            "backup_days",
        )
        labels = {"run_policy": "Runs", "rollback_policy": "Rollbacks run"}
        help_texts = {
            "host": "Name or address as the workers reach it; it becomes part of the backup schema's name.",
            "user": "Needs the rights of the tickets, plus REPLICATION SLAVE and REPLICATION CLIENT (MariaDB: BINLOG "
            "MONITOR) to read back what changed. “Test connection” says what is missing.",
            "tls_mode": "Required means refused without TLS. The verifying modes also check who answers.",
            "environment": "Shown wherever the target is named. Production is marked red.",
            "is_active": "Untick to refuse new tickets; old ones stay, with their backups.",
            "run_policy": "What happens after the last approval.",
            "rollback_policy": "What a person with the right to roll back must wait for.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        has_password = bool(self.instance.password_encrypted)
        if "password" in self.fields:
            self.fields["password"].help_text = _HELP_WHEN_ONE_IS_STORED if has_password else _HELP_WHEN_NONE_IS_STORED

    def clean_host(self) -> str:
        host: str = self.cleaned_data["host"].strip()
        if not _HOST.fullmatch(host):
            raise ValidationError(
                f"{host!r} is no host name. Needed: one name or address. How: type it without port, scheme and spaces."
            )
        return host

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if password:
            try:
                secrets.encrypt(password, context="target:form")
            except secrets.SecretError as error:
                raise ValidationError(str(error)) from error
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("tls_mode") in _VERIFYING and not cleaned.get("tls_ca"):
            self.add_error("tls_ca", "A verifying TLS mode needs the path of the CA file on the workers.")
        if self.instance.password_encrypted and not cleaned.get("password"):
            changed = self._unsafe_changes(cleaned)
            if changed:
                self.add_error(
                    "password",
                    f"You changed {', '.join(changed)}. Needed: the account's password, typed again, so that the "
                    "stored one never goes to a server it was not typed for.",
                )
        return cleaned

    def _unsafe_changes(self, cleaned: dict[str, Any]) -> list[str]:
        """Return what changed of where, as whom and how protected the stored password would be sent."""
        names = {"host": "the host", "port": "the port", "user": "the account", "tls_ca": "the CA file"}
        changed = [words for field, words in names.items() if field in self.changed_data]
        old, new = self.initial.get("tls_mode"), cleaned.get("tls_mode")
        if old and new and _TLS_STRENGTH.index(new) < _TLS_STRENGTH.index(old):
            changed.append("TLS to a weaker mode")
        return changed

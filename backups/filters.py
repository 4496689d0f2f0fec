"""The filter above the list of executed statements."""

from __future__ import annotations

from typing import Any

from django import forms

from backups import ticket_lookup
from backups.browse import Filters

KINDS = (
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATETABLE",
    "ALTERTABLE",
    "DROPTABLE",
    "RENAMETABLE",
    "TRUNCATETABLE",
    "CREATEINDEX",
    "DROPINDEX",
    "CREATEVIEW",
    "ALTERVIEW",
    "DROPVIEW",
    "CREATEDATABASE",
    "ALTERDATABASE",
    "UNKNOWN",
)
"""The `type` texts of the format; UNKNOWN is goInception's for CREATE VIEW."""


def _moment(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class StatementFilterForm(forms.Form):
    """Time, table, type, ticket. Everything is optional; times are UTC."""

    since = _moment("From (UTC)")
    until = _moment("To (UTC)")
    table = forms.CharField(required=False, max_length=64, widget=forms.TextInput(attrs={"list": "tables"}))
    kind = forms.ChoiceField(label="Type", required=False, choices=[("", "all"), *((kind, kind) for kind in KINDS)])
    ticket = forms.IntegerField(required=False, min_value=1, widget=forms.NumberInput(attrs={"placeholder": "#"}))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This is before the first time; nothing can be between them.")
        return cleaned

    def build_filters(self, backup_schema: str) -> Filters:
        """Return the filters of a valid form."""
        data = self.cleaned_data
        opid_times = None
        if data["ticket"]:
            opid_times = ticket_lookup.current().opid_times(backup_schema, data["ticket"])
        return Filters(data["since"], data["until"], data["table"], data["kind"], opid_times)

"""Who is who in the demo."""

from __future__ import annotations

# (login, group, what the person does)
PEOPLE = (
    ("ann", "Submitters", "writes tickets"),
    ("ben", "Approvers", "reviews and approves"),
    ("dana", "DBAs", "runs, rolls back, administers"),
    ("cy", "Viewers", "looks"),
)

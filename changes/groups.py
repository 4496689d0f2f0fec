"""The four groups that a new installation starts with. Existing groups keep what an administrator made of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models.signals import post_migrate

_SEE = ("changes.view_ticket", "changes.view_target", "changes.view_execution", "backups.view_backupschema")

GROUPS: dict[str, tuple[str, ...]] = {
    "Viewers": _SEE,
    "Submitters": (*_SEE, "changes.add_ticket", "changes.change_ticket", "changes.submit_ticket", "changes.view_rows"),
    "Approvers": (*_SEE, "changes.approve_ticket", "changes.rollback_ticket", "changes.view_rows"),
    "DBAs": (
        *_SEE,
        "changes.add_ticket",
        "changes.change_ticket",
        "changes.submit_ticket",
        "changes.approve_ticket",
        "changes.execute_ticket",
        "changes.rollback_ticket",
        "changes.view_rows",
        "changes.add_target",
        "changes.change_target",
        "changes.purge_backups",
    ),
}


def make_groups() -> None:
    """Create the missing groups with their permissions. A group that exists is left as it is."""
    for name, labels in GROUPS.items():
        group, created = Group.objects.get_or_create(name=name)
        if created:
            wanted = [
                Permission.objects.get(content_type__app_label=app, codename=codename)
                for app, _, codename in (label.partition(".") for label in labels)
            ]
            group.permissions.set(wanted)


def watch() -> None:
    """Make the groups after each migration. Called when this app is ready: behind auth, which makes the permissions."""
    post_migrate.connect(_after_migrate, dispatch_uid="changes.groups")


def _after_migrate(app_config: Any, using: str, **kwargs: Any) -> None:
    # auth's permissions of an app are made in that app's own post_migrate, and the last app knows them all.
    if using == "default" and app_config.label == _last_app():
        make_groups()


def _last_app() -> str:
    from django.apps import apps

    labels = [config.label for config in apps.get_app_configs() if config.models_module is not None]
    return labels[-1]

"""Where rows that a statement's foreign keys change were copied."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("changes", "0008_target_policies")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="executedstatement",
            name="kept_children",
            field=models.JSONField(
                default=dict, help_text="Where rows that its foreign keys change were copied, in its own transaction."
            ),
        ),
    ]

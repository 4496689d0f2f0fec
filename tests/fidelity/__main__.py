"""scripts/fidelity: run every case on a server of its own and print what came of it."""

from __future__ import annotations

import logging
import os
import tempfile

import django


def prepare() -> None:
    """Let Django have an application database of its own, in memory, and a data folder that is thrown away."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inception_site.settings")
    os.environ["INCEPTION__SITE__DATA_FOLDER"] = tempfile.mkdtemp(prefix="inc-fidelity-")
    django.setup()
    logging.disable(logging.WARNING)


if __name__ == "__main__":
    prepare()
    from tests.fidelity.command import main

    raise SystemExit(main())

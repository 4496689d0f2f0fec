#!/usr/bin/env python
"""Everything Inception does from a shell: `manage.py help`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inception_site.settings")
    from django.core.management import execute_from_command_line

    from inception_site.config import ConfigError

    try:
        execute_from_command_line(sys.argv)
    except ConfigError as error:
        sys.exit(f"Inception does not start, the configuration has errors:\n{error}")


if __name__ == "__main__":
    main()

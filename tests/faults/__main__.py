"""scripts/faults: break a whole installation in every way there is, recover, and prove what was left."""

from __future__ import annotations

if __name__ == "__main__":
    from tests.faults.command import main

    raise SystemExit(main())

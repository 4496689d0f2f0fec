"""Started in the place of an online tool, becomes it: PARENT PROGRAM ARGUMENT…

Before that it asks Linux to be killed when its worker dies, however that dies: a tool that nobody watches would change
tables unseen. Uses the standard library only, and is run as a script.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, program = int(arguments[0]), arguments[1]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.exit(f"cannot be tied to the life of its worker: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("its worker is gone")  # it died before we asked
    os.execv(program, arguments[1:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])

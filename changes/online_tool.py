"""The online tool as a child process: started tied to our life, read line by line, throttled, ended."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from changes.online_command import OnlinePlan, build_arguments, build_option_file
from changes.targets import TargetAddress

_HERE = Path(__file__).resolve().parent
LAUNCHER = _HERE / "online_launcher.py"
PLUGIN = _HERE / "online_plugin.pm"
LINES_WAITING = 1000
LONGEST_LINE = 8192
"""Bytes; a longer one comes in parts, so that no line is ever held whole."""
END_SECONDS = 10


class OnlineTool:
    """A tool that runs. All of it ends with `end`, or with this process."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._lines: queue.Queue[str] = queue.Queue(LINES_WAITING)
        self._reader = threading.Thread(target=self._read, name=f"online-{process.pid}", daemon=True)
        self._reader.start()
        self.is_paused = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        with contextlib.suppress(ValueError):  # it was closed under us
            while line := stream.readline(LONGEST_LINE):
                self._lines.put(line.decode("utf-8", "replace"))

    def next_line(self, seconds: float) -> str | None:
        """Return the next line it says; None when it says nothing for `seconds`."""
        with contextlib.suppress(queue.Empty):
            return self._lines.get(timeout=seconds)
        return None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, or has said what was not read yet."""
        if self._process.poll() is None or self._reader.is_alive() or not self._lines.empty():
            return None
        return self._process.returncode

    def pause(self) -> None:
        """Freeze it: the statement that its server works on ends, and no other is sent."""
        self._signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self) -> None:
        self._signal(signal.SIGCONT)
        self.is_paused = False

    def allow_swap(self) -> None:
        (self._folder / "swap").touch()

    def end(self) -> None:
        """Kill it and close its output. On the server, its sessions may still be at their last statement."""
        self._signal(signal.SIGKILL)
        self._process.wait(END_SECONDS)
        # What it said last may still be in the pipe, and a full queue must not keep the reader.
        while self._reader.is_alive():
            self.next_line(0.05)
        # Only now: closing waits for whoever reads, and would wait for a tool that lives and says nothing.
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


@contextmanager
def started(
    program: str, plan: OnlinePlan, address: TargetAddress, *, ticket_lock: str, holder: int, limits: dict[str, str]
) -> Iterator[OnlineTool]:
    """Start the tool; it is over, and its private folder gone, when the block is left. Raises OSError.

    ticket_lock, holder: see build_option_file. limits: see build_arguments.
    """
    folder = Path(tempfile.mkdtemp(prefix="inception-online-"))  # for us alone: mode 0700
    try:
        text = build_option_file(
            user=address.user,
            password=address.password,
            tls_mode=address.tls_mode,
            tls_ca=address.tls_ca,
            ticket_lock=ticket_lock,
            holder=holder,
            plan=plan,
        )
        # In memory, not on a disk: what is killed with its worker leaves no password behind.
        secret = os.memfd_create("inception-online")
        os.write(secret, text.encode())
        arguments = build_arguments(
            program,
            plan,
            # The name "localhost" means a unix socket to the tool's driver too.
            host="127.0.0.1" if address.host == "localhost" else address.host,
            port=address.port,
            option_file=f"/proc/self/fd/{secret}",
            plugin=str(PLUGIN),
            limits=limits,
        )
        # A few variables only: PTDEBUG and PERL5OPT of the worker are not for it.
        environment = {name: os.environ[name] for name in ("PATH", "PERL5LIB", "LD_LIBRARY_PATH") if name in os.environ}
        environment |= {"HOME": str(folder), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        environment |= {"INCEPTION_FOLDER": str(folder), "INCEPTION_TLS": address.tls_mode}
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", str(LAUNCHER), str(os.getpid()), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
                pass_fds=(secret,),
            )
        finally:
            os.close(secret)
        tool = OnlineTool(process, folder)
        try:
            yield tool
        finally:
            tool.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

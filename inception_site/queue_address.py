"""Where the embedded queue listens."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

# sun_path holds 108 bytes with its end mark (unix(7)); valkey's and Python's checks leave a few less.
SOCKET_PATH_BYTES = 100


def socket_path(data_folder: Path) -> Path:
    """Return the path of the embedded queue's socket for this data folder.

    In the data folder; where that path is too long for a socket, in a folder of the system's temporary folder that
    only this user may enter.
    """
    path = data_folder / "queue" / "queue.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    digest = hashlib.sha256(os.fsencode(data_folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"inception-{os.getuid()}-{digest}" / "queue.sock"


def queue_url(configured: str, data_folder: Path) -> str:
    """Return the queue's address: the configured one, else the embedded queue's."""
    return configured or f"unix://{socket_path(data_folder)}?db=0"

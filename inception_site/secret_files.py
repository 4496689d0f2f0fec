"""Secrets that a one-machine installation makes for itself, once, and keeps in its data folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from cryptography.fernet import Fernet

from inception_site.config import Config, ConfigError


def fill_secrets(config: Config) -> Config:
    """Return `config` with site.secret_key and site.encryption_keys set.

    In mode "local" an empty one is made once and kept in the data folder, readable by its owner only. In production it
    is refused: web and worker may run on different machines and must have the same keys, and a lost encryption key
    means that every stored password has to be typed again.
    Raises ConfigError.
    """
    site, sources = config.site, dict(config.sources)
    problems = [_check_encryption_key(number, key) for number, key in enumerate(site.encryption_keys, 1)]
    for name, make, used_for in _MAKERS:
        if getattr(site, name):
            continue
        if site.mode == "production":
            problems.append(f"site.{name}: is empty; production needs one {used_for}. Make one with: {_COMMANDS[name]}")
            continue
        path = site.data_folder / name
        text = _keep(path, make)
        site = replace(site, secret_key=text) if name == "secret_key" else replace(site, encryption_keys=(text,))
        sources[f"site.{name}"] = f"made for this machine, {path}"
    found = [problem for problem in problems if problem]
    if found:
        raise ConfigError("\n".join(found))
    return replace(config, site=site, sources=MappingProxyType(sources))


def _check_encryption_key(number: int, key: str) -> str:
    """Return what is wrong with an encryption key, "" when nothing is. The text never has the key."""
    try:
        Fernet(key)
    except ValueError:
        return (
            f"site.encryption_keys: key {number} is not a Fernet key (32 bytes in URL-safe base64). "
            f"Make one with: {_COMMANDS['encryption_keys']}"
        )
    return ""


def _keep(path: Path, make: Callable[[], str]) -> str:
    """Return the text kept at `path`, made first when there is none. Safe when two processes start at once."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    with contextlib.suppress(FileExistsError):  # the other process was first: its secret counts
        os.link(draft, path)
    draft.unlink()
    return path.read_text(encoding="ascii")


_MAKERS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("secret_key", lambda: secrets.token_urlsafe(50), "to sign sessions"),
    ("encryption_keys", lambda: Fernet.generate_key().decode("ascii"), "to encrypt the passwords of targets"),
)
_COMMANDS = {
    "secret_key": 'python -c "import secrets; print(secrets.token_urlsafe(50))"',
    "encryption_keys": 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
}

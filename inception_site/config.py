"""The configuration: config.toml, overridden by the environment, as frozen values that know where they came from.

Order, the later wins: the defaults below < config.toml < INCEPTION__SECTION__KEY < INCEPTION__SECTION__KEY_FILE (the
content of that file, for secrets). A key that is not known, or has the wrong type, stops the start: a setting that is
silently ignored is worse than a program that does not start.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints
from urllib.parse import urlsplit

import tomli

from backups import faults

ENVIRONMENT_PREFIX = "INCEPTION__"
FILE_SUFFIX = "_FILE"
SECRET = MappingProxyType({"secret": True})
_LOADS = re.compile(r"[A-Za-z_]+=\d+(,[A-Za-z_]+=\d+)*")

Mode = Literal["local", "production"]
Engine = Literal["sqlite", "mysql"]
Tls = Literal["disabled", "required", "verify_ca", "verify_identity"]


class ConfigError(Exception):
    """The configuration cannot be used. The text has one line for each thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Site:
    name: str = "Inception"
    mode: Mode = "production"
    base_url: str = "http://127.0.0.1:8000"
    secret_key: str = field(default="", repr=False, metadata=SECRET)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False, metadata=SECRET)
    allowed_hosts: tuple[str, ...] = ()
    csrf_trusted_origins: tuple[str, ...] = ()
    debug: bool = False
    data_folder: Path = Path("var/inception")
    allow_unreviewed_cli: bool = False
    max_sql_bytes: int = 16 * 1024 * 1024
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    engine: Engine = "sqlite"
    name: str = ""
    host: str = ""
    port: int = 3306
    user: str = ""
    password: str = field(default="", repr=False, metadata=SECRET)
    tls: Tls = "disabled"
    tls_ca: str = ""


@dataclass(frozen=True, slots=True)
class Inc:
    """The backup server, under goInception's names."""

    backup_host: str = "127.0.0.1"
    backup_port: int = 3306
    backup_user: str = ""
    backup_password: str = field(default="", repr=False, metadata=SECRET)
    backup_tls: Tls = "disabled"
    backup_ca: str = ""
    purge_user: str = ""
    purge_password: str = field(default="", repr=False, metadata=SECRET)


@dataclass(frozen=True, slots=True)
class Proof:
    """The server where rollbacks of schema changes are tried before approval; without a host, the backup server."""

    host: str = ""
    port: int = 3306
    user: str = ""
    password: str = field(default="", repr=False, metadata=SECRET)
    tls: Tls = "disabled"
    tls_ca: str = ""


@dataclass(frozen=True, slots=True)
class Queue:
    url: str = field(default="", repr=False, metadata=SECRET)


@dataclass(frozen=True, slots=True)
class Web:
    host: str = "127.0.0.1"
    port: int = 8000
    threads: int = 8
    trust_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    count: int = 1
    lease_seconds: int = 30
    takeover_seconds: int = 30
    backup_retry_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Online:
    """The online tool of the workers, and how hard it may press a server.

    pt_osc: path of pt-online-schema-change; "" where there is none.
    max_load, critical_load: status variables of the server at which the tool waits, or ends.
    chunk_milliseconds: how long the copying of one portion of rows may take.
    """

    pt_osc: str = ""
    max_load: str = "Threads_running=25"
    critical_load: str = "Threads_running=50"
    chunk_milliseconds: int = 500


SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "site": Site,
        "database": Database,
        "inc": Inc,
        "proof": Proof,
        "queue": Queue,
        "web": Web,
        "worker": Worker,
        "online": Online,
    }
)


@dataclass(frozen=True, slots=True)
class Config:
    """sources: where each value came from, by "section.key"; "default" for those named nowhere."""

    site: Site
    database: Database
    inc: Inc
    proof: Proof
    queue: Queue
    web: Web
    worker: Worker
    online: Online
    sources: Mapping[str, str]

    def values(self) -> Iterator[tuple[str, str, str]]:
        """Yield ("section.key", value as text, source) of every value, secrets masked."""
        for section in SECTIONS:
            part = getattr(self, section)
            for key in fields(part):
                value = getattr(part, key.name)
                name = f"{section}.{key.name}"
                yield name, mask(value) if key.metadata.get("secret") else show(value), self.sources[name]


def mask(value: object) -> str:
    """Say whether a secret is set, and nothing about it."""
    return "(set, not shown)" if value else "(empty)"


def show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(value) or "(empty)"
    return str(value) or "(empty)"


def read_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Return the configuration of the file at `path` and of `environment`.

    Relative paths of the file are relative to the file's folder.
    Raises ConfigError with everything that is wrong, not only the first.
    """
    path = path.resolve()
    given, problems = _read_file(path)
    overrides, more = _read_environment(environment)
    problems += more
    sources: dict[str, str] = {}
    parts: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        values: dict[str, Any] = {}
        hints = get_type_hints(kind)
        for key in fields(kind):
            name = f"{section}.{key.name}"
            sources[name], raw = "default", None
            if name in given:
                sources[name], raw = str(path), given[name]
            if name in overrides:
                sources[name], raw = overrides[name]
            if raw is None:
                continue
            try:
                values[key.name] = _convert(raw, hints[key.name], from_text=name in overrides)
            except ValueError as error:
                problems.append(f"{name} ({sources[name]}): {error}")
        parts[section] = kind(**values)
    problems += _judge(parts, sources)
    if problems:
        raise ConfigError("\n".join(problems))
    folder = (path.parent / parts["site"].data_folder.expanduser()).resolve()
    parts["site"] = replace(parts["site"], data_folder=folder)
    return Config(**parts, sources=MappingProxyType(sources))


def _known() -> dict[str, str]:
    return {f"{section}.{key.name}": section for section, kind in SECTIONS.items() for key in fields(kind)}


def _unknown(name: str, where: str) -> str:
    """Say that `name` is unknown, with the known name that was probably meant."""
    known = list(_known())
    key = name.partition(".")[2]
    elsewhere = [other for other in known if other.partition(".")[2] == key]
    close = elsewhere or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{name} ({where}): there is no such setting.{hint} All settings are in docs/configuration.md."


def _read_file(path: Path) -> tuple[dict[str, object], list[str]]:
    try:
        content = tomli.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return {}, [f"{path}: cannot be read ({error.strerror}); INCEPTION_CONFIG names another file."]
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, [f"{path}: is not TOML: {error}."]
    given: dict[str, object] = {}
    problems = []
    for section, table in content.items():
        if not isinstance(table, dict):
            problems.append(f"{section} ({path}): stands outside a section; the sections are {', '.join(SECTIONS)}.")
            continue
        for key, value in table.items():
            name = f"{section}.{key}"
            if name in _known():
                given[name] = value
            else:
                problems.append(_unknown(name, str(path)))
        if not table and section not in SECTIONS:
            problems.append(f"[{section}] ({path}): there is no such section; the sections are {', '.join(SECTIONS)}.")
    return given, problems


def _read_environment(environment: Mapping[str, str]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return {"section.key": (source, text)} of the INCEPTION__ variables; a _FILE variable wins over a plain one."""
    found: dict[str, tuple[str, str]] = {}
    problems = []
    known = _known()
    for variable in sorted(environment):  # sorted: X comes before X_FILE
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        section, _, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        name, source, text = f"{section}.{key}", f"environment {variable}", environment[variable]
        if name not in known and variable.endswith(FILE_SUFFIX):
            name = name.removesuffix(FILE_SUFFIX.lower())
            source = f"file {text} ({variable})"
            try:
                text = Path(text).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name} ({source}): the file cannot be read: {error}.")
                continue
        if name in known:
            found[name] = source, text
        else:
            problems.append(_unknown(name, source))
    return found, problems


def _convert(raw: object, kind: Any, *, from_text: bool) -> object:
    """Return `raw` as a value of `kind`. Raises ValueError with what was found and what is needed.

    from_text: raw is from the environment, where everything is text and a list is separated by commas or lines.
    """
    if kind is bool:
        return _convert_bool(raw, from_text)
    if kind is int:
        return _convert_int(raw, from_text)
    if kind == tuple[str, ...]:
        if from_text:
            return tuple(filter(None, (item.strip() for item in str(raw).replace("\n", ",").split(","))))
        if isinstance(raw, list) and all(isinstance(item, str) for item in raw):
            return tuple(raw)
        raise ValueError(f"needs a list of texts, found {raw!r}.")
    if not isinstance(raw, str):
        raise ValueError(f"needs a text in quotes, found {raw!r}.")
    if kind is Path:
        return Path(raw)
    choices = get_args(kind)
    if choices and raw not in choices:
        raise ValueError(f"needs one of {', '.join(choices)}, found {raw!r}.")
    return raw


def _convert_bool(raw: object, from_text: bool) -> bool:
    if isinstance(raw, bool):
        return raw
    if from_text and str(raw).lower() in {"true", "false"}:
        return str(raw).lower() == "true"
    raise ValueError(f"needs true or false, found {raw!r}.")


def _convert_int(raw: object, from_text: bool) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if from_text and str(raw).isascii() and str(raw).isdigit():
        return int(str(raw))
    raise ValueError(f"needs a whole number, found {raw!r}.")


_RANGES = {
    "site.max_sql_bytes": (1024, 1 << 30),
    "database.port": (1, 65535),
    "inc.backup_port": (1, 65535),
    "proof.port": (1, 65535),
    "web.port": (1, 65535),
    "web.threads": (1, 256),
    "worker.count": (0, 64),
    "worker.lease_seconds": (1, 3600),
    "worker.takeover_seconds": (0, 3600),
    "worker.backup_retry_seconds": (0, 3600),
    "online.chunk_milliseconds": (10, 60_000),
}


def _judge(parts: Mapping[str, Any], sources: Mapping[str, str]) -> list[str]:
    """Return what is wrong with values that have the right type."""
    problems = []
    for name, (low, high) in _RANGES.items():
        section, _, key = name.partition(".")
        value = getattr(parts[section], key)
        if not low <= value <= high:
            problems.append(f"{name} ({sources[name]}): needs a number from {low} to {high}, found {value}.")
    site, database, queue = parts["site"], parts["database"], parts["queue"]
    url = urlsplit(site.base_url)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/"):
        problems.append(
            f"site.base_url ({sources['site.base_url']}): needs http(s):// and a host, found {site.base_url!r}."
        )
    if database.engine == "mysql" and not (database.name and database.host and database.user):
        problems.append('database: engine "mysql" needs database.name, database.host and database.user.')
    if queue.url and urlsplit(queue.url).scheme not in {"redis", "rediss", "unix"}:
        problems.append(f"queue.url ({sources['queue.url']}): needs redis://, rediss:// or unix://.")
    if site.debug and site.mode == "production":
        problems.append('site.debug: is true, which shows secrets on error pages; it needs site.mode = "local".')
    problems += _judge_fault(site, sources["site.fault"])
    problems += _judge_online(parts["online"], sources)
    return problems


def _judge_online(online: Online, sources: Mapping[str, str]) -> list[str]:
    problems = []
    if online.pt_osc and not online.pt_osc.startswith("/"):
        problems.append(f"online.pt_osc ({sources['online.pt_osc']}): needs a whole path, found {online.pt_osc!r}.")
    for key in ("max_load", "critical_load"):
        if not _LOADS.fullmatch(getattr(online, key)):
            problems.append(
                f"online.{key} ({sources[f'online.{key}']}): needs status variables and numbers, e.g."
                f" Threads_running=25,Threads_connected=900, found {getattr(online, key)!r}."
            )
    return problems


def _judge_fault(site: Site, source: str) -> list[str]:
    if site.fault and site.mode == "production":
        return [f'site.fault ({source}): lets the program die on purpose, for tests; it needs site.mode = "local".']
    try:
        faults.parse(site.fault)
    except ValueError as error:
        return [f"site.fault ({source}): {error}."]
    return []


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file that INCEPTION_CONFIG names, else config.toml beside manage.py."""
    return Path(environment.get("INCEPTION_CONFIG") or Path(__file__).resolve().parent.parent / "config.toml")

"""What scripts/demo runs once the machine is set up: a database server, the application on it, and somebody to use it.

python -m inception_site.demo [--once]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inception_site.demo import shop
from inception_site.demo.people import PEOPLE
from inception_site.demo.place import ROOT, DemoError, Place, choose_web_port, end_with_us
from inception_site.demo.private_server import run_server

READY_SECONDS = 120
MANAGE = (sys.executable, str(ROOT / "manage.py"))


class Interrupted(BaseException):
    """SIGTERM or SIGINT arrived: leave every block, stopping what it started."""


def main() -> int:
    parser = ArgumentParser(prog="scripts/demo", description="Inception on this machine, with a shop to change.")
    parser.add_argument("--once", action="store_true", help="take one ticket from submission to rollback, then end")
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "demo", help="where it is kept (var/demo)")
    chosen = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        _run(Place(chosen.folder.resolve()), once=chosen.once)
    except DemoError as error:
        print(f"demo    | {error}", file=sys.stderr)
        return 1
    except Interrupted:
        _say("stopped")
        return 1 if chosen.once else 0
    _say("done: one ticket there and back, every table equals itself")
    return 0


def _interrupt(number: int, frame: object) -> None:
    for again in (signal.SIGTERM, signal.SIGINT):  # stopping is not interrupted: the worker may end its statement
        signal.signal(again, signal.SIG_IGN)
    raise Interrupted


def _run(place: Place, *, once: bool) -> None:
    with place.hold():
        passwords = place.read_passwords()
        server_port, web_port = place.choose_server_port(), choose_web_port()
        place.write_config(
            server_port=server_port,
            web_port=web_port,
            backup_password=passwords["backup"],
            purge_password=passwords["purge"],
        )
        place.write_client_options(server_port=server_port, root_password=passwords["root"])
        _say(f"starting a private MariaDB on port {server_port}")
        with run_server(place, server_port, passwords) as connection:
            if shop.load(connection):
                _say(f"made the sample database `{shop.SCHEMA}`: about 53,000 rows in 5 tables")
            environment = {key: value for key, value in os.environ.items() if not key.startswith("INCEPTION__")}
            environment["INCEPTION_CONFIG"] = str(place.config_file)
            environment |= {f"DEMO_PASSWORD_{name.upper()}": password for name, password in passwords.items()}
            _say("starting queue, worker and web server")
            with _serve(environment, web_port) as serve:
                _manage(environment, "seed_demo", "--server-port", str(server_port))
                if once:
                    _manage(environment, "walk_demo")
                    return
                _print_welcome(place, web_port, passwords)
                serve.wait()
                raise DemoError(f"`manage.py serve` ended with status {serve.returncode}; its lines above say why.")


@contextmanager
def _serve(environment: dict[str, str], web_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run `manage.py serve` until the block ends; its own order of stopping applies."""
    serve = subprocess.Popen(  # noqa: S603
        [*end_with_us(), *MANAGE, "serve", "--migrate"], cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        _wait_until_ready(serve, web_port)
        yield serve
    finally:
        serve.terminate()
        serve.wait()


def _wait_until_ready(serve: subprocess.Popen[bytes], web_port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    state = ""
    while time.monotonic() < deadline and serve.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{web_port}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            state = error.read().decode("utf-8", "replace")
        except OSError:
            pass
        time.sleep(0.2)
    raise DemoError(f"The application was not ready after {READY_SECONDS} s. {state}")


def _manage(environment: dict[str, str], *arguments: str) -> None:
    """Run a command. Raises DemoError when it fails; it has said why."""
    done = subprocess.run([*MANAGE, *arguments], cwd=ROOT, env=environment, check=False)  # noqa: S603
    if done.returncode != 0:
        raise DemoError(f"manage.py {arguments[0]} failed.")


def _print_welcome(place: Place, web_port: int, passwords: dict[str, str]) -> None:
    folder = place.folder.relative_to(ROOT) if place.folder.is_relative_to(ROOT) else place.folder
    lines = [
        f"Inception runs on  http://127.0.0.1:{web_port}/",
        "",
        *(f"  {name:<5} {passwords[name]}   {what} ({group})" for name, group, what in PEOPLE),
        "",
        "Ann has two tickets: one waits for Ben, one has run and can be rolled back.",
        f"SQL:   mariadb --defaults-file={folder}/client.cnf {shop.SCHEMA}",
        f"Shell: INCEPTION_CONFIG={folder}/config.toml .venv/bin/python manage.py help",
        f"Stop:  Ctrl-C. To start anew, delete {folder}.",
    ]
    width = max(map(len, lines))
    print(f"\n┌─{'─' * width}─┐")
    for line in lines:
        print(f"│ {line:<{width}} │")
    print(f"└─{'─' * width}─┘\n", flush=True)


def _say(text: str) -> None:
    print(f"demo    | {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

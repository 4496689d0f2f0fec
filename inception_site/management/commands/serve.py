"""`manage.py serve`: queue, worker and web server of one machine, started and stopped in order by one process."""

from __future__ import annotations

import fcntl
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from inception_site.config import Config
from inception_site.embedded_queue import build_service, stop_leftover
from inception_site.queue_address import socket_path
from inception_site.supervisor import Service, ServiceError, Supervisor

WEB_PROCESSES = 2
GRACEFUL_SECONDS = 30
RECONCILE_SECONDS = 3


class Command(BaseCommand):
    help = "Runs everything on this machine: the queue (when none is configured), the workers and the web server."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--migrate", action="store_true", help="bring the application database up to date first")

    def handle(self, *args: Any, **options: Any) -> None:
        config: Config = settings.INCEPTION
        try:
            with _only_one(config):
                _check_port_free(config.web.host, config.web.port)
                if options["migrate"]:
                    call_command("migrate", interactive=False, verbosity=0)
                self._check_migrations()
                self._serve(config)
        except ServiceError as error:
            raise CommandError(str(error)) from error

    def _check_migrations(self) -> None:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        connection.close()
        if missing:
            names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing[:5])
            raise CommandError(
                f"The application database lacks {len(missing)} migrations ({names}). "
                "Run `manage.py migrate`, or start with `manage.py serve --migrate`."
            )

    def _serve(self, config: Config) -> None:
        services: list[Service] = []
        words = "the configured one"
        if not config.queue.url:
            if stop_leftover(socket_path(config.site.data_folder)):
                self.stdout.write("serve: stopped a queue that an earlier, killed run had left behind")
            service, words = build_service(config.site.data_folder)
            services.append(service)
        services += [build_worker(number) for number in range(1, config.worker.count + 1)]
        services += [build_reconciler(), build_web(config)]
        supervisor = Supervisor(services, out=sys.stdout)
        supervisor.say("serve", f"queue: {words}")
        supervisor.run(lambda: supervisor.say("serve", f"ready on {config.site.base_url}"))
        supervisor.say("serve", "stopped")


def build_worker(number: int) -> Service:
    return Service(
        name=f"worker{number}",
        # verbosity 0: rq tells of every job; our own lines tell of every change of state.
        command=[sys.executable, "manage.py", "rqworker", "default", "--verbosity", "0"],
        stop_seconds=None,  # a statement that is cut off has to be looked into; a slow stop only takes time
        waiting_for="has finished the statement it runs",
        folder=settings.BASE_DIR,
    )


def build_reconciler() -> Service:
    """What queues scheduled tickets in time, and looks into what no worker works on any more."""
    return Service(
        name="reconciler",
        command=[sys.executable, "manage.py", "reconcile", "--every", str(RECONCILE_SECONDS)],
        folder=settings.BASE_DIR,
    )


def build_web(config: Config) -> Service:
    web = config.web
    command = [
        *(sys.executable, "-m", "gunicorn", "inception_site.wsgi:application", "--bind", _bind(web.host, web.port)),
        *("--worker-class", "gthread", "--workers", str(WEB_PROCESSES), "--threads", str(web.threads)),
        *("--graceful-timeout", str(GRACEFUL_SECONDS), "--no-control-socket", "--log-level", "warning"),
    ]
    return Service(
        name="web",
        command=command,
        is_ready=lambda: _web_answers(web.host, web.port),
        stop_seconds=GRACEFUL_SECONDS + 5,
        folder=settings.BASE_DIR,
    )


def _bind(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _web_answers(host: str, port: int) -> bool:
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared with, not bound to
    try:
        with urllib.request.urlopen(f"http://{_bind(here, port)}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _check_port_free(host: str, port: int) -> None:
    """Raise ServiceError when another program listens there: gunicorn would only retry and end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"Cannot listen on {_bind(host, port)} ({error.strerror}). Choose another [web] port, "
                "or INCEPTION__WEB__PORT=8001."
            ) from error


@contextmanager
def _only_one(config: Config) -> Iterator[None]:
    """Hold the data folder's lock. Raises ServiceError when another serve has it."""
    path = config.site.data_folder / "serve.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(f"Another `manage.py serve` runs with this data folder ({path} is locked).") from error
        yield

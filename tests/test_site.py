"""What every answer of the site carries, and how it logs."""

from __future__ import annotations

import logging

import pytest
from django.conf import settings
from django.test import Client

from inception_site.logs import LineFormatter
from inception_site.rq_worker import JsonWorker


@pytest.mark.django_db
class TestAnswers:
    def test_every_page_forbids_what_it_does_not_bring(self) -> None:
        policy = Client().get("/login/")["Content-Security-Policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["default-src"] == "'self'"
        assert {name: directives[name] for name in ("frame-ancestors", "base-uri", "object-src")} == {
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "object-src": "'none'",
        }
        assert directives["form-action"] == "'self'"
        assert "unsafe" not in policy
        assert "*" not in policy

    def test_a_page_may_not_be_framed_sniffed_or_referred_to(self) -> None:
        answer = Client().get("/login/")
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"

    def test_a_foreign_host_name_is_refused_except_for_probes(self) -> None:
        client = Client(headers={"host": "10.1.2.3"})
        assert client.get("/login/").status_code == 400
        assert client.get("/healthz").content == b"ok\n"


def test_the_worker_reads_json_whatever_it_is_told() -> None:
    options = {"queues": ["default"], "connection": _NoConnection(), "serializer": "rq.serializers.DefaultSerializer"}
    assert JsonWorker(**options, prepare_for_work=False).serializer.__name__ == "JSONSerializer"
    assert settings.RQ["WORKER_CLASS"] == f"{JsonWorker.__module__}.{JsonWorker.__name__}"
    assert settings.RQ_QUEUES["default"]["SERIALIZER"] == "rq.serializers.JSONSerializer"


class _NoConnection:
    """Stands for the queue's connection, which a worker keeps and does not use before it works."""

    class connection_pool:
        connection_kwargs: dict[str, object] = {}

        @staticmethod
        def get_connection() -> None:
            raise AssertionError("nothing is asked of the queue")


def test_text_from_a_server_cannot_look_like_another_log_line() -> None:
    record = logging.LogRecord("changes", logging.INFO, "", 0, "error=%s", ("gone\n2026-01-01 INFO fine\x1b[2J",), None)
    line = LineFormatter().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.endswith("INFO changes error=gone\\n2026-01-01 INFO fine\\e[2J")

"""Why a server did not let us in, in words: the driver's error numbers to problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from changes.problems import Problem

Role = Literal["target", "backup"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whom we tried to reach as whom. server: "host:port"."""

    role: Role
    server: str
    user: str
    schema_name: str | None = None

    @property
    def label(self) -> str:
        return f"The backup server {self.server}" if self.role == "backup" else self.server


_UNREACHABLE = frozenset({2002, 2003, 2005, 2006, 2013, 2055})
_ACCESS_DENIED = frozenset({1045, 1698, 1130})
_TLS_NEEDED = frozenset({1835, 3159})
_EXPIRED = frozenset({1820, 1862})
_FULL = frozenset({1040, 1129, 1203, 1226})


def build_connect_problem(attempt: Attempt, code: int, message: str) -> Problem:
    """Return the problem behind the driver's error `code`.

    message: the server's or the driver's own words; they are shown, since they name the account as the server sees it.
    """
    server, said = attempt.label, f"it said: {message} ({code})"
    if code in _UNREACHABLE:
        return _problem(
            attempt,
            "unreachable",
            f"{server} does not answer: {message} ({code}).",
            "A server that accepts TCP connections from the application and its workers.",
            "Check host and port, that the server runs and listens on this address, and the firewalls between.",
        )
    if code in _ACCESS_DENIED:
        return _problem(
            attempt,
            "access_denied",
            f"{server} refused the account {attempt.user}; {said}.",
            "An account that may log in with a password from the hosts of the application and its workers.",
            "Enter the password again, or let an administrator create the account for these hosts. "
            "An account made with REQUIRE SSL needs a TLS mode that is on.",
        )
    if code == 1049 and attempt.schema_name is not None:
        return build_unknown_schema_problem(attempt, attempt.schema_name)
    if code == 1044 and attempt.schema_name is not None:
        return _problem(
            attempt,
            "schema.denied",
            f"The account {attempt.user} may not use the schema {attempt.schema_name} on {server}; {said}.",
            "Rights on the schema that the ticket is for.",
            f"Let an administrator grant them, e.g. GRANT SELECT, INSERT, UPDATE, DELETE ON `{attempt.schema_name}`.*",
        )
    if code == 2026:
        return _describe_tls_failure(attempt, message)
    if code in _TLS_NEEDED:
        return _problem(
            attempt,
            "tls.needed",
            f"{server} lets the account {attempt.user} in only through TLS; {said}.",
            "A TLS mode other than “disabled”.",
            "Set the TLS mode to “required”, or better to “verify_identity” with the CA file.",
        )
    if code in _EXPIRED:
        return _problem(
            attempt,
            "password_expired",
            f"The password of the account {attempt.user} on {server} has expired; {said}.",
            "A password that is valid.",
            "Let an administrator set a new one with ALTER USER, then enter it here.",
        )
    if code in _FULL:
        return _problem(
            attempt,
            "full",
            f"{server} takes no more connections from here; {said}.",
            "A free connection.",
            "Wait and try again, or raise max_connections or the limits of the account.",
        )
    return _problem(
        attempt,
        "refused",
        f"{server} refused the connection as {attempt.user}; {said}.",
        "A connection for running statements.",
        "Read the server's words; its error log may say more.",
    )


def build_unknown_schema_problem(attempt: Attempt, schema_name: str) -> Problem:
    return _problem(
        attempt,
        "schema.unknown",
        f"There is no schema {schema_name} on {attempt.server}, or the account {attempt.user} may not see it.",
        "A schema that exists.",
        "Check its name, capital letters included, or create the schema first.",
    )


def build_plain_text_problem(attempt: Attempt) -> Problem:
    """Return the problem of a connection that should use TLS and, by the cipher in use, does not."""
    return _problem(
        attempt,
        "tls.not_offered",
        f"{attempt.label} does not offer TLS: the connection came up without a cipher and was closed.",
        "TLS, as the TLS mode says.",
        "Give the server a certificate (ssl_cert, ssl_key), or, in a trusted network, set the TLS mode to “disabled”.",
    )


def build_ca_problem(attempt: Attempt, tls_mode: str) -> Problem:
    return _problem(
        attempt,
        "tls.ca_missing",
        f"The TLS mode of {attempt.server} is “{tls_mode}”, but no CA file is given.",
        "The certificate of the authority that signed the server's certificate.",
        "Put its PEM file on every machine that runs a worker or the web, and enter its path.",
    )


def build_host_problem(attempt: Attempt) -> Problem:
    return _problem(
        attempt,
        "host",
        f"The host of {attempt.server} has characters that no host name or IP address has.",
        "One host name or IP address.",
        "Enter the host alone, without port, scheme, list or path.",
    )


def _describe_tls_failure(attempt: Attempt, message: str) -> Problem:
    if "does not support it" in message:
        return build_plain_text_problem(attempt)
    return _problem(
        attempt,
        "tls.untrusted",
        f"The TLS connection to {attempt.server} failed: {message}.",
        "A certificate that the CA file vouches for and, with “verify_identity”, that names the host.",
        "Check the path and content of the CA file and the host name in the certificate.",
    )


def _problem(attempt: Attempt, name: str, found: str, needed: str, how: str) -> Problem:
    if attempt.role == "backup":
        how += " Its address and account stand in [inc] of the configuration."
    return Problem(f"{attempt.role}.{name}", "error", found, needed, how)

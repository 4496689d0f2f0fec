"""Bodies of the bulk command, and what a server's greeting says of it."""

from __future__ import annotations

import random

import pytest

from backups.bulk import BYTES, TEXT, build_bulk, read_capabilities

# MariaDB 10.11.18, Debian: its first packet, with another salt.
GREETING = (
    b"\x0a5.5.5-10.11.18-MariaDB-0+deb12u1\0" + b"\x07\0\0\0" + b"saltsalt\0" + b"\xfe\xf7" + b"\x08" + b"\x02\0"
    b"\xff\x81" + b"\x15" + bytes(6) + b"\x1d\0\0\0" + b"saltsaltsalt\0mysql_native_password\0"
)


def test_it_reads_the_capabilities_of_a_mariadb() -> None:
    assert read_capabilities(GREETING) == 0x1D


def test_it_finds_none_in_the_greeting_of_another_server() -> None:
    # MySQL sets the flag that was CLIENT_LONG_PASSWORD, and leaves the filler empty.
    assert read_capabilities(GREETING.replace(b"\xfe\xf7", b"\xff\xf7")) == 0


def test_it_meets_random_greetings_without_an_error() -> None:
    draw = random.Random(3)
    for _ in range(2000):
        read_capabilities(draw.randbytes(draw.randrange(80)))


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\0\0"),
        (250, b"\0\xfa"),
        (251, b"\0\xfc\xfb\0"),
        (65535, b"\0\xfc\xff\xff"),
        (65536, b"\0\xfd\0\0\x01"),
        (1 << 24, b"\0\xfe\0\0\0\x01\0\0\0\0"),
    ],
)
def test_it_writes_each_value_behind_its_length(size: int, head: bytes) -> None:
    body = build_bulk(1, (BYTES,), [b"x" * size])
    assert body[: -size or None] == b"\x01\0\0\0" + b"\x80\0" + b"\xfc\0" + head


def test_it_writes_rows_one_after_the_other() -> None:
    body = build_bulk(258, (TEXT, BYTES), [b"1", b"a", b"2", b"bc"])
    assert body == b"\x02\x01\0\0\x80\0" + b"\xfd\0\xfc\0" + b"\0\x011\0\x01a" + b"\0\x012\0\x02bc"

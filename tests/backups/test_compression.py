"""Compressed events, unpacked; tests/live/test_binlog_shapes.py has those that servers write."""

from __future__ import annotations

import zlib
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.binlog import compression, events
from backups.binlog.compression import decode_first_event, decode_payload, expand_event, iterate_payload
from backups.errors import DecodeError

EVENT = b"\1\0\0\0" + b"\2" + b"\1\0\0\0" + b"\x1e\0\0\0" + b"\0" * 6 + b"hello world"


def pack(data: bytes, *, size: int | None = None) -> bytes:
    """Return the body of a Transaction_payload event as MySQL 9.7 writes it."""
    size = len(data) if size is None else size
    return b"\2\1\0" + b"\3\4\xfd" + size.to_bytes(3, "little") + b"\0" + zstandard.compress(data)


def pack_zlib(data: bytes, *, length_size: int = 4) -> bytes:
    return bytes([0x80 | length_size]) + len(data).to_bytes(length_size, "big") + zlib.compress(data)


def query(text: bytes) -> bytes:
    return b"\7\0\0\0" + b"\0" * 4 + b"\4" + b"\0\0" + b"\2\0" + b"SS" + b"shop\0" + text


def event(type_code: int, body: bytes) -> bytes:
    return b"\1\0\0\0" + bytes([type_code]) + b"\1\0\0\0" + (19 + len(body)).to_bytes(4, "little") + b"\0" * 6 + body


def test_it_unpacks_a_payload_event_by_event() -> None:
    assert list(iterate_payload(pack(EVENT * 3))) == [EVENT] * 3
    assert decode_first_event(pack(EVENT * 3)) == EVENT
    assert decode_payload(pack(EVENT)).unpacked_size == len(EVENT)


def test_it_takes_a_payload_that_was_not_worth_compressing() -> None:
    body = b"\2\3\xfc\xff\0" + b"\0" + EVENT + EVENT
    assert list(iterate_payload(body)) == [EVENT, EVENT]


def test_it_takes_a_payload_of_several_frames() -> None:
    body = pack(EVENT, size=2 * len(EVENT)) + zstandard.compress(EVENT)
    assert list(iterate_payload(body)) == [EVENT, EVENT]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "needed: 1"),
        (b"\2\1\1\0abc", "compression 1"),
        (b"\2\1\0\0abc", "cannot be unpacked"),
        (pack(EVENT)[:-4], "cut after|found 0 bytes|cannot be unpacked"),
        (pack(EVENT * 9, size=7), "as its head says"),
        (pack(EVENT[:9] + b"\xff\xff\xff\xff" + EVENT[13:]), "1 GiB"),
        (pack(EVENT[:9] + b"\0\0\0\0" + EVENT[13:]), "1 GiB"),
        (pack(EVENT[:25]), "cut after"),
    ],
)
def test_it_refuses_a_damaged_payload(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        list(iterate_payload(body))


@pytest.mark.parametrize("length_size", [1, 2, 3, 4])
def test_it_expands_a_query(length_size: int) -> None:
    text = b"ALTER TABLE shop.items ADD COLUMN" + b" " * 200
    raw = event(events.MARIADB_QUERY_COMPRESSED, query(pack_zlib(text, length_size=length_size)))
    assert expand_event(raw) == event(events.QUERY, query(text))
    assert compression.decode_text_start(raw[19:]) == text


@pytest.mark.parametrize("type_code", range(166, 172))
def test_it_expands_rows(type_code: int) -> None:
    plain = {166: 23, 167: 24, 168: 25, 169: 30, 170: 31, 171: 32}[type_code]
    head = (
        b"\1\0\0\0\0\0" + b"\1\0" + (b"\2\0" if plain >= 30 else b"") + b"\2" + b"\3" * (2 if plain in (24, 31) else 1)
    )
    rows = b"\0\7\0\0\0" * 100
    raw = event(type_code, head + pack_zlib(rows))
    assert expand_event(raw) == event(plain, head + rows)
    assert events.decode_rows_head(expand_event(raw)[19:], plain).rows == rows


def test_it_expands_no_more_than_was_promised() -> None:
    lie = bytes([0x84]) + (10).to_bytes(4, "big") + zlib.compress(b"\0" * 50_000_000)
    with pytest.raises(DecodeError, match="found 11 bytes"):
        expand_event(event(events.MARIADB_QUERY_COMPRESSED, query(lie)))
    huge = bytes([0x84]) + b"\xff\xff\xff\xff" + zlib.compress(b"\0" * 50_000_000)
    with pytest.raises(DecodeError, match="1 GiB"):
        expand_event(event(events.MARIADB_QUERY_COMPRESSED, query(huge)))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80), st.booleans())
def test_it_raises_nothing_but_decode_errors(data: bytes, real: bool) -> None:
    body = b"\2\1\0\0" + zstandard.compress(data) if real else data
    with suppress(DecodeError):
        list(iterate_payload(body))
    for type_code in (2, *events.MARIADB_COMPRESSED):
        with suppress(DecodeError):
            expand_event(event(type_code, data))

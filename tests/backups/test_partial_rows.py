"""Changes of JSON documents applied; tests/live/test_partial_json.py has those that a server writes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.binlog.json_documents import (
    INSERT,
    REMOVE,
    REPLACE,
    Diff,
    Node,
    Scalar,
    apply_diff,
    decode_document,
    encode_document,
    parse_path,
)
from backups.binlog.partial_rows import complete_rows, decode_diffs
from backups.binlog.tables import TableMap
from backups.errors import DecodeError

# MySQL 9.7: INSERT INTO t VALUES (1, '{"a": 1, "bb": [true, null], "c": "x"}'), the column as in the row event
STORED = bytes.fromhex("0003002900190001001a0001001b0002000501000c1d00021f0061636262017802000a00040100040000")
TREE: Node = {
    b"a": Scalar(5, b"\1\0"),
    b"c": Scalar(12, b"\1x"),
    b"bb": [Scalar(4, b"\1"), Scalar(4, b"\0")],
}

scalars = st.one_of(
    st.sampled_from([Scalar(4, bytes([value])) for value in range(3)]),
    st.binary(min_size=2, max_size=2).map(lambda data: Scalar(5, data)),
    st.binary(min_size=4, max_size=4).map(lambda data: Scalar(8, data)),
    st.binary(min_size=8, max_size=8).map(lambda data: Scalar(11, data)),
    st.binary(max_size=100).map(lambda data: Scalar(12, bytes([len(data)]) + data)),
    st.binary(max_size=100).map(lambda data: Scalar(15, b"\xf6" + bytes([len(data)]) + data)),
    st.integers(128, 70_000).map(lambda size: Scalar(12, encode_length(size) + b"z" * size)),
)
documents: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.binary(max_size=9), inner, max_size=6)
)


def encode_length(size: int) -> bytes:
    parts = []
    while size > 127:
        parts.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*parts, size])


def test_a_document_is_a_tree() -> None:
    assert decode_document(STORED) == TREE
    assert encode_document(TREE) == STORED


@settings(max_examples=200, deadline=None)
@given(documents)
def test_what_is_written_reads_back(tree: Node) -> None:
    assert decode_document(encode_document(tree)) == tree


def test_offsets_beyond_16_bits() -> None:
    tree: Node = [Scalar(7, bytes([number % 256]) * 4) for number in range(40_000)]
    data = encode_document(tree)
    assert data[0] == 3
    assert decode_document(data) == tree


@pytest.mark.parametrize(
    ("text", "legs"),
    [
        ("$", ()),
        ("$.a", (b"a",)),
        ('$.a[3]."b c"', (b"a", 3, b"b c")),
        ('$[0][10]."q\\"\\u00e9"', (0, 10, 'q"é'.encode())),
        ("$.é", ("é".encode(),)),
    ],
)
def test_a_path(text: str, legs: tuple[bytes | int, ...]) -> None:
    assert parse_path(text) == legs


@pytest.mark.parametrize("text", ["", "a", "$a", "$.", "$[", "$[x]", "$[*]", "$**.a", '$."a', '$."\\q"', "$[last]"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_path(text)


@pytest.mark.parametrize(
    ("diff", "expected"),
    [
        (Diff(REPLACE, (b"b", 0), Scalar(4, b"\2")), {b"a": 0, b"b": [2]}),
        (Diff(INSERT, (b"b", 0), Scalar(4, b"\2")), {b"a": 0, b"b": [2, 1]}),
        (Diff(INSERT, (b"b", 9), Scalar(4, b"\2")), {b"a": 0, b"b": [1, 2]}),
        (Diff(INSERT, (b"c",), Scalar(4, b"\2")), {b"a": 0, b"b": [1], b"c": 2}),
        (Diff(REMOVE, (b"b", 0), None), {b"a": 0, b"b": []}),
        (Diff(REMOVE, (b"a",), None), {b"b": [1]}),
        (Diff(REPLACE, (), Scalar(4, b"\2")), 2),
    ],
)
def test_a_change(diff: Diff, expected: Any) -> None:
    assert apply_diff(make({b"a": 0, b"b": [1]}), diff) == make(expected)


def make(value: Any) -> Node:
    if isinstance(value, dict):
        return {key: make(item) for key, item in value.items()}
    return [make(item) for item in value] if isinstance(value, list) else Scalar(4, bytes([value]))


@pytest.mark.parametrize(
    "diff",
    [
        Diff(INSERT, (b"a",), Scalar(4, b"\2")),
        Diff(INSERT, (b"a", 0), Scalar(4, b"\2")),
        Diff(INSERT, (), Scalar(4, b"\2")),
        Diff(REPLACE, (b"c",), Scalar(4, b"\2")),
        Diff(REPLACE, (b"b", 1), Scalar(4, b"\2")),
        Diff(REPLACE, (b"b", b"x"), Scalar(4, b"\2")),
        Diff(REMOVE, (b"c", b"d"), None),
        Diff(REMOVE, (), None),
        Diff(REPLACE, (b"a",), None),
    ],
)
def test_a_change_that_does_not_fit(diff: Diff) -> None:
    with pytest.raises(DecodeError, match="does not fit"):
        apply_diff(make({b"a": 0, b"b": [1]}), diff)


MAP = TableMap(7, "s", "t", (3, 245, 15), (0, 4, 20), (False, True, True))


def rows_event(rows: bytes) -> bytes:
    body = (7).to_bytes(6, "little") + b"\1\0" + b"\2\0" + b"\3\7\7" + rows
    return b"\0" * 4 + bytes([39]) + b"\1\0\0\0" + (19 + len(body) + 4).to_bytes(4, "little") + b"\0" * 6 + body


def test_a_row_gets_its_document_back() -> None:
    before = b"\0" + b"\1\0\0\0" + len(STORED).to_bytes(4, "little") + STORED + b"\2hi"
    diffs = bytes([REMOVE, 4]) + b"$.bb" + bytes([REPLACE, 3]) + b"$.a" + bytes([3, 5, 9, 0])
    after = b"\1\1" + b"\0" + b"\1\0\0\0" + len(diffs).to_bytes(4, "little") + diffs + b"\2ho"
    raw = complete_rows(rows_event(before + after), MAP)
    document = encode_document({b"a": Scalar(5, b"\x09\0"), b"c": Scalar(12, b"\1x")})
    expected = before + b"\0" + b"\1\0\0\0" + len(document).to_bytes(4, "little") + document + b"\2ho"
    assert raw[4] == 31
    assert raw.endswith(expected)
    assert int.from_bytes(raw[9:13], "little") == len(raw) + 4


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_bent_bytes_raise_nothing_but_decode_errors(data: st.DataObject) -> None:
    given_bytes = data.draw(st.binary(max_size=80))
    for decode in (decode_document, decode_diffs, lambda rows: complete_rows(rows_event(rows), MAP)):
        with suppress(DecodeError):
            decode(given_bytes)
    bent = bytearray(STORED)
    for _ in range(data.draw(st.integers(1, 4))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        encode_document(decode_document(bytes(bent)))

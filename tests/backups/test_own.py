"""The filter that lets only our own transaction through, on streams captured from both servers."""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.binlog import events
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import CHECKSUM_CRC32, HEADER_SIZE, ROWS_KINDS
from backups.binlog.own import OwnEventFilter
from backups.errors import AttributionError, BackupError, DecodeError
from tests.backups.captured import CASES, Captured, decode, feed, load_case


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}_{case[1]}")
def case(request: pytest.FixtureRequest) -> Captured:
    return load_case(*request.param)


def make_event(type_code: int, body: bytes, *, like: bytes) -> bytes:
    """Return an event with the header fields of `like` and a right checksum."""
    header = like[:4] + bytes([type_code]) + like[5:9] + (len(body) + 23).to_bytes(4, "little") + like[13:19]
    return header + body + zlib.crc32(header + body).to_bytes(4, "little")


def find(case: Captured, *type_codes: int) -> int:
    """Return the index of our first event of one of these types in the stream."""
    ours = {event.raw for event in feed(case.own, case.stream)}
    return next(index for index, event in enumerate(case.stream) if event[4] in type_codes and event[:-4] in ours)


def with_event(case: Captured, index: int, event: bytes) -> tuple[bytes, ...]:
    return (*case.stream[:index], event, *case.stream[index + 1 :])


def test_it_decodes_what_the_statement_did(case: Captured) -> None:
    found = [{"kind": change.kind.value, "before": change.before, "after": change.after} for _, change in decode(case)]
    expected = [
        {
            "kind": change["kind"],
            "before": change["before"] and tuple(change["before"]),
            "after": change["after"] and tuple(change["after"]),
        }
        for change in case.changes
    ]
    assert found == expected
    assert found


def test_it_lets_only_ours_through(case: Captured) -> None:
    maps = [event.table_map for event in feed(case.own, case.stream) if event.table_map]
    assert {table_map.table_name for table_map in maps} == {"kinds"}
    assert sum(event[4] == events.TABLE_MAP for event in case.stream) > len(maps), "the stream has others' tables"


def test_it_keeps_the_bytes_without_the_checksum(case: Captured) -> None:
    for event in feed(case.own, case.stream):
        checksum = zlib.crc32(event.raw).to_bytes(4, "little")
        assert event.raw + checksum in case.stream
        assert event.header.size == len(event.raw) + 4
        assert case.own.start < event.coordinates <= case.own.end


def test_it_finds_nothing_of_another_connection(case: Captured) -> None:
    if case.own.flavor.is_mariadb:
        nothing = replace(case.own, gtid_before=case.own.gtid_after, marker="/* another */")
    else:
        nothing = replace(case.own, connection_id=case.own.connection_id + 77)
    assert feed(nothing, case.stream) == []


def test_it_takes_the_connection_id_modulo_32_bits(case: Captured) -> None:
    own = replace(case.own, connection_id=case.own.connection_id + (1 << 32))
    assert feed(own, case.stream) == feed(case.own, case.stream)


def test_it_refuses_a_damaged_event_of_ours(case: Captured) -> None:
    index = find(case, *ROWS_KINDS)
    damaged = bytearray(case.stream[index])
    damaged[30] ^= 1
    with pytest.raises(DecodeError, match="wrong checksum"):
        feed(case.own, with_event(case, index, bytes(damaged)))


def test_it_lets_others_events_be_damaged(case: Captured) -> None:
    ours = {event.raw for event in feed(case.own, case.stream)}
    skipped = {events.ROTATE, events.FORMAT_DESCRIPTION}
    stream = tuple(
        event[:HEADER_SIZE] + b"\xee" * (len(event) - HEADER_SIZE)
        if event[4] in ROWS_KINDS and event[:-4] not in ours and event[4] not in skipped
        else event
        for event in case.stream
    )
    assert stream != case.stream
    assert len(feed(case.own, stream)) == len(ours)


@pytest.mark.parametrize("type_code", [events.XA_PREPARE, 200])
def test_it_refuses_what_it_cannot_read_in_our_transaction(case: Captured, type_code: int) -> None:
    index = find(case, *ROWS_KINDS)
    event = make_event(type_code, b"\0" * 40, like=case.stream[index])
    with pytest.raises(DecodeError, match=f"type {type_code} in our transaction"):
        feed(case.own, with_event(case, index, event))


def test_it_refuses_a_transaction_that_was_rolled_back(case: Captured) -> None:
    body = (case.own.connection_id % (1 << 32)).to_bytes(4, "little") + b"\0" * 9 + b"\0ROLLBACK"
    index = max(index for index, event in enumerate(case.stream) if event[4] == events.XID)
    own_end = next(index for index in range(find(case, *ROWS_KINDS), index + 1) if case.stream[index][4] == events.XID)
    rollback = make_event(events.QUERY, body, like=case.stream[own_end])
    with pytest.raises(AttributionError, match="'ROLLBACK' in our transaction"):
        feed(case.own, with_event(case, own_end, rollback))


def test_it_refuses_a_transaction_without_its_end(case: Captured) -> None:
    index = find(case, *ROWS_KINDS)
    own = replace(case.own, end=BinlogCoordinates.at(case.own.end.file, case.own.end.position - 1))
    with pytest.raises(AttributionError, match="without its end"):
        feed(own, case.stream[: index + 1])


def test_it_refuses_our_marker_in_anothers_transaction() -> None:
    case = load_case("mariadb10.11_kinds", 0)
    annotate = next(event for event in case.stream if event[4] == events.MARIADB_ANNOTATE_ROWS)
    foreign = make_event(events.MARIADB_ANNOTATE_ROWS, case.own.marker.encode() + b" DELETE", like=annotate)
    with pytest.raises(AttributionError, match="also in another transaction"):
        feed(case.own, with_event(case, case.stream.index(annotate), foreign))


def test_it_refuses_another_statement_in_our_transaction() -> None:
    case = load_case("mariadb10.11_kinds", 0)
    own = replace(case.own, marker="/* inception ticket=9 execution=9 statement=9 */")
    with pytest.raises(AttributionError, match=r"found the statement '/\* inception ticket=1"):
        feed(own, case.stream)


def test_it_refuses_compressed_events_that_are_bent() -> None:
    case = load_case("mariadb10.11_kinds", 0)
    index = find(case, *ROWS_KINDS)
    for type_code in events.MARIADB_COMPRESSED:
        event = make_event(type_code, b"\0" * 40, like=case.stream[index])
        with pytest.raises(DecodeError):
            feed(case.own, with_event(case, index, event))


def pack_transaction(case: Captured, start: int) -> tuple[bytes, ...]:
    """Return the stream with the transaction whose BEGIN is at `start` as MySQL writes it when it compresses."""
    end = next(index for index in range(start, len(case.stream)) if case.stream[index][4] == events.XID)
    inside = [strip(event) for event in case.stream[start : end + 1]]
    payload = make_event(events.TRANSACTION_PAYLOAD, pack(b"".join(inside)), like=case.stream[end])
    return (*case.stream[:start], payload, *case.stream[end + 1 :])


def strip(event: bytes) -> bytes:
    return event[:9] + (len(event) - 4).to_bytes(4, "little") + event[13:-4]


def pack(data: bytes, *, compression: int = 0, size: int | None = None) -> bytes:
    size = len(data) if size is None else size
    packed = zstandard.compress(data)
    head = bytes([2, 1, compression]) if compression < 251 else bytes([2, 3, 252, compression, 0])
    return head + b"\3\4\xfd" + size.to_bytes(3, "little") + b"\0" + (packed if compression == 0 else data)


def begins(case: Captured) -> list[int]:
    return [index for index, event in enumerate(case.stream) if event[4] == events.QUERY and b"BEGIN" in event]


@pytest.fixture(params=range(3))
def mysql_case(request: pytest.FixtureRequest) -> Captured:
    return load_case("mysql9.7_kinds", request.param)


def test_it_finds_ours_among_compressed_transactions(mysql_case: Captured) -> None:
    plain = feed(mysql_case.own, mysql_case.stream)
    packed = mysql_case
    for index in reversed(begins(mysql_case)):
        packed = replace(packed, stream=pack_transaction(packed, index))
    assert sum(event[4] == events.TRANSACTION_PAYLOAD for event in packed.stream) > 1
    found = feed(packed.own, packed.stream)
    assert [(event.type_code, event.body) for event in found] == [(event.type_code, event.body) for event in plain]
    assert [change for _, change in decode(packed)] == [change for _, change in decode(mysql_case)]


def test_it_says_that_compressed_transactions_may_hide_ours() -> None:
    case = load_case("mysql9.7_kinds", 0)
    payload = make_event(events.TRANSACTION_PAYLOAD, b"\0" * 30, like=case.stream[2])
    assert len(feed(case.own, (*case.stream[:3], payload, *case.stream[3:]))) == 2, "others' are skipped"
    stranger = replace(case.own, connection_id=case.own.connection_id + 1_000_000)
    with pytest.raises(AttributionError, match="1 compressed transactions"):
        feed(stranger, (*case.stream[:3], payload, *case.stream[3:]))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_it_raises_nothing_but_our_errors_on_bent_payloads(data: st.DataObject) -> None:
    case = load_case("mysql9.7_kinds", data.draw(st.integers(0, 2)))
    ours = next(index for index in reversed(begins(case)) if index < find(case, events.TABLE_MAP))
    stream = pack_transaction(case, ours)
    event = bytearray(stream[ours])
    for _ in range(data.draw(st.integers(1, 6))):
        event[data.draw(st.integers(HEADER_SIZE, len(event) - 1))] = data.draw(st.integers(0, 255))
    event[-4:] = zlib.crc32(event[:-4]).to_bytes(4, "little")
    with suppress(BackupError):
        decode(replace(case, stream=(*stream[:ours], bytes(event), *stream[ours + 1 :])))


def test_it_counts_positions_beyond_32_bits() -> None:
    case = load_case("mysql9.7_kinds", 0)
    start = BinlogCoordinates.at(case.own.start.file, (1 << 32) - 10)
    own = replace(case.own, start=start, end=BinlogCoordinates.at(start.file, (1 << 32) + 10_000_000_000))
    reader = OwnEventFilter(own, CHECKSUM_CRC32)
    reader.feed(make_event(events.XID, b"\0" * 8, like=case.stream[-1][:13] + (21).to_bytes(4, "little") + b"\0\0"))
    assert reader.coordinates == BinlogCoordinates.at(start.file, (1 << 32) + 21)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_it_raises_nothing_but_our_errors_on_bent_events(data: st.DataObject) -> None:
    case = load_case(*data.draw(st.sampled_from(CASES)))
    index = data.draw(st.integers(0, len(case.stream) - 1))
    event = bytearray(case.stream[index])
    for _ in range(data.draw(st.integers(1, 6))):
        event[data.draw(st.integers(0, len(event) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):  # past the checksum, into the decoder
        event[-4:] = zlib.crc32(event[:-4]).to_bytes(4, "little")
    with suppress(BackupError):
        decode(replace(case, stream=with_event(case, index, bytes(event))))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([*range(45), *range(160, 172)]), st.sampled_from(CASES))
def test_it_raises_nothing_but_our_errors_on_random_bodies(body: bytes, type_code: int, name: tuple[str, int]) -> None:
    case = load_case(*name)
    index = find(case, *ROWS_KINDS)
    event = make_event(type_code, body, like=case.stream[index])
    with suppress(BackupError):
        decode(replace(case, stream=with_event(case, index, event)))

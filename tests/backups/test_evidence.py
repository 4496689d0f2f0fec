"""It proves what was kept: the same records in the same order, under the same key, or an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.errors import EvidenceError
from backups.evidence import Evidence, RecordsDigest
from changes.secrets import build_key

OLD, NEW, OTHER = build_key(), build_key(), build_key()
EVIDENCE = Evidence("127_0_0_1_3306_test", "t", "1_2_00000003", 2, "ab" * 32, "cd" * 32)

texts = st.lists(st.binary(max_size=20), max_size=600)


def digest(records: list[bytes]) -> str:
    made = RecordsDigest()
    for record in records:
        made.add(record)
    return made.hexdigest()


@given(texts, st.integers(0, 600))
def test_records_hash_the_same_one_by_one_and_many_at_once(records: list[bytes], cut: int) -> None:
    made = RecordsDigest()
    made.add_all(records[:cut])
    for record in records[cut : cut + 3]:
        made.add(record)
    made.add_all(records[cut + 3 :])
    assert made.hexdigest() == digest(records)
    assert made.count == len(records)


@given(texts, texts)
def test_other_records_hash_otherwise(one: list[bytes], other: list[bytes]) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_text_cannot_move_into_its_neighbour() -> None:
    assert digest([b"DELETE FROM t;", b""]) != digest([b"DELETE FROM", b" t;"])


def test_the_first_key_signs_and_all_of_them_verify() -> None:
    signature = EVIDENCE.sign([OLD])
    EVIDENCE.check(signature, [NEW, OLD])
    with pytest.raises(EvidenceError, match="put it back"):
        EVIDENCE.check(signature, [NEW, OTHER])
    assert EVIDENCE.sign([NEW, OLD]) != signature


@pytest.mark.parametrize(
    "changed",
    [
        {"backup_schema": "127_0_0_1_3306_tes"},
        {"backup_table": "u"},
        {"opid_time": "1_2_00000004"},
        {"record_count": 3},
        {"records_sha256": "ac" * 32},
        {"archive_sha256": "ce" * 32},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_signature_is_of_the_place_as_much_as_of_the_content(changed: dict[str, object]) -> None:
    with pytest.raises(EvidenceError):
        replace(EVIDENCE, **changed).check(EVIDENCE.sign([NEW]), [NEW])  # type: ignore[arg-type]


def test_it_says_what_to_do_without_a_signature_and_without_a_key() -> None:
    with pytest.raises(EvidenceError, match="verify_backup TICKET --sign"):
        EVIDENCE.check("", [NEW])
    with pytest.raises(EvidenceError, match="encryption_keys"):
        EVIDENCE.sign([])

"""Secrets: authenticated, bound to their record, and movable to a new key."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from changes import secrets
from changes.secrets import SecretError

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.mark.parametrize("secret", ["", "plain", "with \0 and ünïcödé 🔑", "x" * 4096])
def test_a_secret_comes_back(secret: str) -> None:
    token = secrets.encrypt(secret, context="target:42", keys=[OLD])
    assert secrets.decrypt(token, context="target:42", keys=[OLD]) == secret


def test_the_secret_cannot_be_read_in_the_token_and_no_two_tokens_are_equal() -> None:
    first, second = (secrets.encrypt("hunter2", context="target:42", keys=[OLD]) for _ in range(2))
    assert first != second
    assert "hunter2" not in first


def test_a_token_copied_to_another_record_does_not_open() -> None:
    token = secrets.encrypt("hunter2", context="target:4", keys=[OLD])
    with pytest.raises(SecretError, match=r"target:42 was made for another record.*Enter the password again") as caught:
        secrets.decrypt(token, context="target:42", keys=[OLD])
    assert "hunter2" not in str(caught.value)


def test_a_context_that_is_the_beginning_of_another_does_not_open_it() -> None:
    token = secrets.encrypt("2\0x", context="target:4", keys=[OLD])
    with pytest.raises(SecretError):
        secrets.decrypt(token, context="target:42", keys=[OLD])
    with pytest.raises(ValueError, match="without NUL"):
        secrets.encrypt("x", context="target:4\0002", keys=[OLD])


@pytest.mark.parametrize(
    "change", [lambda token: token[:-1], lambda token: "A" + token[1:], lambda token: "é", lambda _: ""]
)
def test_a_changed_token_is_an_error_that_says_what_to_do(change) -> None:
    token = change(secrets.encrypt("hunter2", context="target:42", keys=[OLD]))
    with pytest.raises(SecretError, match="opens with none of the configured keys, or it was changed"):
        secrets.decrypt(token, context="target:42", keys=[OLD])


def test_a_key_is_changed_by_a_new_one_in_front_and_rotate() -> None:
    token = secrets.encrypt("hunter2", context="target:42", keys=[OLD])
    assert secrets.decrypt(token, context="target:42", keys=[NEW, OLD]) == "hunter2"
    rotated = secrets.rotate(token, keys=[NEW, OLD])
    assert secrets.decrypt(rotated, context="target:42", keys=[NEW]) == "hunter2"
    with pytest.raises(SecretError):
        secrets.decrypt(token, context="target:42", keys=[NEW])
    with pytest.raises(SecretError):
        secrets.rotate(token, keys=[OTHER])


def test_a_rotated_token_stays_with_its_record() -> None:
    rotated = secrets.rotate(secrets.encrypt("hunter2", context="target:1", keys=[OLD]), keys=[NEW, OLD])
    with pytest.raises(SecretError):
        secrets.decrypt(rotated, context="target:2", keys=[NEW])


@pytest.mark.parametrize(
    ("keys", "words"), [([], "There is no encryption key"), (["short"], "is no key"), (["ü" * 44], "is no key")]
)
def test_a_missing_or_wrong_key_is_named_without_being_shown(keys: list[str], words: str) -> None:
    with pytest.raises(SecretError, match=words) as caught:
        secrets.encrypt("hunter2", context="target:42", keys=keys)
    assert all(key not in str(caught.value) for key in keys)


def test_a_built_key_encrypts() -> None:
    key = secrets.build_key()
    assert secrets.decrypt(secrets.encrypt("x", context="c", keys=[key]), context="c", keys=[key]) == "x"

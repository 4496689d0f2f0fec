"""Encrypt what must be stored and given back: the passwords of target servers.

A key is 32 random bytes in URL-safe base64, made by `build_key`. The list of keys is
newest first: the first one encrypts, all of them decrypt, so a key is changed by putting a new one in front, running
`rotate` over what is stored, and taking the old one away.

Fernet has no place for associated data. The context (e.g. "target:42") is therefore encrypted in front of the secret
and compared on the way back: a ciphertext copied to another row of the database opens to an error, not to a password.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

_SEPARATOR = b"\0"


class SecretError(Exception):
    """A secret could not be encrypted or opened. The text never holds the secret, the ciphertext or a key."""


def encrypt(secret: str, *, context: str, keys: Sequence[str] | None = None) -> str:
    """Return `secret` encrypted for `context` with the first key, as ASCII text.

    keys: newest first; None takes those of the configuration.
    Raises SecretError when there is no usable key, and ValueError when `context` is empty or holds a NUL.
    """
    if not context or "\0" in context:
        raise ValueError(f"{context!r} is no context; needed: a non-empty name without NUL, e.g. 'target:42'.")
    plain = context.encode() + _SEPARATOR + secret.encode()
    return _fernet(keys).encrypt(plain).decode("ascii")


def decrypt(token: str, *, context: str, keys: Sequence[str] | None = None) -> str:
    """Return the secret in `token`. Raises SecretError when no key opens it or when it was made for another context."""
    try:
        plain = _fernet(keys).decrypt(token.encode())
    except InvalidToken:
        raise SecretError(
            f"The stored secret of {context} opens with none of the configured keys, or it was changed. "
            "Needed: the key it was encrypted with. Put it back into encryption_keys, or enter the password again."
        ) from None
    found, _, secret = plain.partition(_SEPARATOR)
    if found != context.encode():
        raise SecretError(
            f"The stored secret of {context} was made for another record. "
            "Needed: one that was entered for this record. Enter the password again."
        )
    return secret.decode()


def rotate(token: str, *, keys: Sequence[str] | None = None) -> str:
    """Return `token` encrypted anew with the first key; its context and its time stay.

    Raises SecretError when no key opens it.
    """
    try:
        return _fernet(keys).rotate(token.encode()).decode("ascii")
    except InvalidToken:
        raise SecretError(
            "A stored secret opens with none of the configured keys, or it was changed. "
            "Needed: the key it was encrypted with. Put that key back into encryption_keys and rotate again."
        ) from None


def build_key() -> str:
    """Return a new random key, as it stands in encryption_keys."""
    return Fernet.generate_key().decode("ascii")


def _fernet(keys: Sequence[str] | None) -> MultiFernet:
    given = settings.INCEPTION.site.encryption_keys if keys is None else keys
    if not given:
        raise SecretError(
            "There is no encryption key. Needed: at least one in encryption_keys of [site]. "
            "Make one with: python -c 'from changes.secrets import build_key; print(build_key())'"
        )
    try:
        return MultiFernet([Fernet(key) for key in given])
    except ValueError:
        raise SecretError(
            "An entry of encryption_keys is no key. Needed: 32 bytes in URL-safe base64, 44 characters. "
            "Make one with: python -c 'from changes.secrets import build_key; print(build_key())'"
        ) from None

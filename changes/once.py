"""A form that is sent twice makes one ticket: the second sending is led to what the first made."""

from __future__ import annotations

from django.core.cache import cache

_KEPT_SECONDS = 3600
_AT_WORK = 0


def _name(key: str, person_id: int) -> str:
    return f"once:{person_id}:{key[:64]}"


def claim(key: str, person_id: int) -> bool:
    """Whether this sending is the first with `key`. Without a key every sending is the first."""
    return not key or cache.add(_name(key, person_id), _AT_WORK, _KEPT_SECONDS)


def settle(key: str, person_id: int, ticket_id: int) -> None:
    """Remember what the first sending made."""
    cache.set(_name(key, person_id), ticket_id, _KEPT_SECONDS)


def release(key: str, person_id: int) -> None:
    """The first sending made nothing; the form may be sent again."""
    cache.delete(_name(key, person_id))


def find(key: str, person_id: int) -> int | None:
    """Return the id of what the first sending made; None while it is still at work."""
    return cache.get(_name(key, person_id)) or None

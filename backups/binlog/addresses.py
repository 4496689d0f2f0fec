"""MariaDB's UUID, INET6 and INET4: fixed numbers of bytes, written as the text people know them by."""

from __future__ import annotations

import ipaddress
from uuid import UUID

from backups.binlog.values import Decoder, take
from backups.errors import DecodeError

SIZES = {"uuid": 16, "inet6": 16, "inet4": 4}


def decoder(kind: str) -> Decoder:
    """Decoder of a value behind its length byte; trailing 0x00 bytes the row image leaves out."""
    size = SIZES[kind]

    def decode(data: bytes, position: int) -> tuple[str, int]:
        length = take(data, position, 1)[0]
        if length > size:
            raise DecodeError(f"found {length} bytes in a column of type {kind}; needed: at most {size}.")
        return build_address_literal(kind, take(data, position + 1, length).ljust(size, b"\0")), position + 1 + length

    return decode


def build_address_literal(kind: str, data: bytes) -> str:
    """Return e.g. `_latin1'2001:db8::1'`: the introducer keeps it text in a session whose character set is binary."""
    return f"_latin1'{_text(kind, data)}'"


def parse_address(kind: str, text: str) -> bytes:
    """Return the bytes of the text that the server shows. Raises DecodeError when it is none."""
    try:
        if kind == "uuid":
            return UUID(text).bytes
        return (ipaddress.IPv6Address(text) if kind == "inet6" else ipaddress.IPv4Address(text)).packed
    except ValueError as error:
        raise DecodeError(f"found {text!r} in a column of type {kind}; needed: its text form.") from error


def _text(kind: str, data: bytes) -> str:
    if kind == "uuid":
        return str(UUID(bytes=data))
    return str(ipaddress.IPv6Address(data) if kind == "inet6" else ipaddress.IPv4Address(data))

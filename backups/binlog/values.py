"""Decoders of single column values: bytes of a row image to the text of an SQL literal.

Each builder returns a function `decode(data, position)` that gives (literal, position after the value) and raises
DecodeError when the bytes end too early or cannot be such a value. No datetime, Decimal or decoded str on the way:
MySQL holds values that those cannot.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from backups.errors import DecodeError
from backups.rollback.literals import (
    build_binary_literal,
    build_float_literal,
    build_text_literal,
)

Decoder = Callable[[bytes, int], tuple[str, int]]

_DECIMAL_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)  # bytes that 0 to 9 decimal digits take


def take(data: bytes, position: int, size: int) -> bytes:
    """Return `size` bytes of `data` at `position`. Raises DecodeError when there are fewer."""
    chunk = data[position : position + size]
    if len(chunk) != size:
        raise DecodeError(
            f"found {len(chunk)} bytes at offset {position}; needed: {size}. The event is cut or misread."
        )
    return chunk


def integer(size: int, *, signed: bool) -> Decoder:
    def decode(data: bytes, position: int) -> tuple[str, int]:
        return str(int.from_bytes(take(data, position, size), "little", signed=signed)), position + size

    return decode


def floating(size: int) -> Decoder:
    """Decoder of FLOAT (4 bytes, widened exactly to a double) and DOUBLE (8)."""
    unpack = struct.Struct("<f" if size == 4 else "<d").unpack

    def decode(data: bytes, position: int) -> tuple[str, int]:
        return build_float_literal(unpack(take(data, position, size))[0]), position + size

    return decode


def decimal(precision: int, scale: int) -> Decoder:
    """Decoder of DECIMAL(precision, scale).

    Groups of nine digits take four bytes big-endian, the incomplete outer groups fewer; the top bit is set for
    numbers from zero up, and negative ones have every bit turned.
    Source: MySQL server, strings/decimal.cc, bin2decimal.
    """
    whole_groups, whole_rest = divmod(precision - scale, 9)
    part_groups, part_rest = divmod(scale, 9)
    whole = [whole_rest] * (whole_rest > 0) + [9] * whole_groups
    part = [9] * part_groups + [part_rest] * (part_rest > 0)
    size = sum(_DECIMAL_BYTES[digits] for digits in whole + part)
    sign_bit = 1 << (size * 8 - 1)
    all_bits = (1 << size * 8) - 1

    def decode(data: bytes, position: int) -> tuple[str, int]:
        number = int.from_bytes(take(data, position, size), "big")
        negative = not number & sign_bit
        number = (number ^ all_bits if negative else number) & ~sign_bit
        chunk = number.to_bytes(size, "big")
        whole_text, offset = _decimal_digits(chunk, 0, whole)
        part_text, _ = _decimal_digits(chunk, offset, part)
        text = (whole_text.lstrip("0") or "0") + ("." + part_text if part_text else "")
        return "-" * negative + text, position + size

    return decode


def _decimal_digits(chunk: bytes, offset: int, groups: list[int]) -> tuple[str, int]:
    text = ""
    for digits in groups:
        end = offset + _DECIMAL_BYTES[digits]
        group = f"{int.from_bytes(chunk[offset:end], 'big'):0{digits}d}"
        if len(group) > digits:
            raise DecodeError(f"found {group} in a DECIMAL's group of {digits} digits. The event is misread.")
        text += group
        offset = end
    return text, offset


def text(length_size: int, charset: str) -> Decoder:
    """Decoder of a string behind its length, which takes `length_size` bytes."""

    def decode(data: bytes, position: int) -> tuple[str, int]:
        start = position + length_size
        end = start + int.from_bytes(take(data, position, length_size), "little")
        return build_text_literal(take(data, start, end - start), charset), end

    return decode


def binary(length_size: int, *, padded_to: int = 0) -> Decoder:
    """Decoder of a binary string behind its length.

    padded_to: n of BINARY(n), whose trailing 0x00 bytes the row image leaves out.
    """

    def decode(data: bytes, position: int) -> tuple[str, int]:
        start = position + length_size
        end = start + int.from_bytes(take(data, position, length_size), "little")
        return build_binary_literal(take(data, start, end - start).ljust(padded_to, b"\0")), end

    return decode


def compressed(length_size: int, charset: str) -> Decoder:
    """Decoder of a COMPRESSED column of MariaDB. charset: "" for bytes.

    The empty value has no byte. Others begin with a header: 0 for a plain value, else the method above four bits, of
    which three count the bytes of the value's length, big-endian behind it; then comes raw deflate or zlib.
    Source: MariaDB server, sql/field_comp.cc, compress_zlib and uncompress_zlib.
    """

    def decode(data: bytes, position: int) -> tuple[str, int]:
        start = position + length_size
        end = start + int.from_bytes(take(data, position, length_size), "little")
        value = _uncompress(take(data, start, end - start))
        return build_text_literal(value, charset) if charset else build_binary_literal(value), end

    return decode


_ZLIB_METHOD = 8


def _uncompress(data: bytes) -> bytes:
    if not data or data[0] == 0:
        return data[1:]
    method, raw, length_bytes = data[0] >> 4, data[0] & 8, data[0] & 7
    size = int.from_bytes(take(data, 1, length_bytes), "big")
    if method != _ZLIB_METHOD:
        raise DecodeError(f"found the compression method {method}; needed: {_ZLIB_METHOD}, which is zlib.")
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    try:
        value = unpacker.decompress(data[1 + length_bytes :], size + 1)
    except zlib.error as error:
        raise DecodeError(f"found a compressed value that cannot be read ({error}). The event is misread.") from error
    if len(value) != size or not unpacker.eof:
        raise DecodeError(f"found a compressed value of {len(value)} bytes; needed: {size}. The event is misread.")
    return value


def number(size: int) -> Decoder:
    """Decoder of an ENUM index or a SET mask of `size` bytes."""
    return integer(size, signed=False)


def bits(width: int) -> Decoder:
    """Decoder of BIT(width): big-endian in as many bytes as it needs."""
    size = (width + 7) // 8

    def decode(data: bytes, position: int) -> tuple[str, int]:
        value = int.from_bytes(take(data, position, size), "big")
        if value >> width:
            raise DecodeError(f"found {value} in a BIT({width}). The event is misread.")
        return f"b'{value:0{width}b}'", position + size

    return decode

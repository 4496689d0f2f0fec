"""The servers' character sets: which we can write as SQL, and how their bytes are shown to people.

Source: information_schema.CHARACTER_SETS of MariaDB 10.11 and 11.8 (40 sets) and MySQL 9.7 (41, with gb18030).
"""

from __future__ import annotations

# Python's codec of each set; None where it has none. For pages only: no codec is exact, SQL gets the bytes.
_CODECS: dict[str, str | None] = {
    "armscii8": None,
    "ascii": "ascii",
    "big5": "big5hkscs",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1256": "cp1256",
    "cp1257": "cp1257",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "cp932": "cp932",
    "dec8": "latin-1",
    "eucjpms": "euc_jp",
    "euckr": "cp949",
    "gb18030": "gb18030",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "geostd8": None,
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
    "hp8": "hp-roman8",
    "keybcs2": None,
    "koi8r": "koi8_r",
    "koi8u": "koi8_u",
    "latin1": "cp1252",  # the servers' latin1 is cp1252, with the five bytes that cp1252 leaves open
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "latin7": "iso8859_13",
    "macce": "mac_latin2",
    "macroman": "mac_roman",
    "sjis": "shift_jis",
    "swe7": None,
    "tis620": "tis_620",
    "ucs2": "utf-16-be",
    "ujis": "euc_jp",
    "utf16": "utf-16-be",
    "utf16le": "utf-16-le",
    "utf32": "utf-32-be",
    "utf8": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
}

CHARSETS = frozenset(_CODECS)

# In all other sets the bytes of printable ASCII mean what they mean in ASCII: asked of the three servers, byte by byte.
WITHOUT_ASCII = frozenset({"swe7", "ucs2", "utf16", "utf16le", "utf32"})


def decode_for_display(data: bytes, charset: str) -> str:
    """Return the text of a value for people; what Python cannot read is shown as backslash escapes."""
    codec = _CODECS.get(charset, "utf-8") or "ascii"
    return data.decode(codec, errors="backslashreplace")

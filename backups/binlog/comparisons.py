"""SQL that compares a column with a literal exactly, and SQL that reads a column back as ASCII text.

Each comparison is a function (column SQL, literal) to a condition that means the same under every sql_mode, time zone
and connection character set; each reader a function of the column SQL to an expression.
"""

from __future__ import annotations

from backups.rollback.literals import (
    ZERO_TIMESTAMP,
    build_binary_literal,
    parse_literal_bytes,
    parse_timestamp_literal,
)


def plain(column_sql: str, literal: str) -> str:
    return f"{column_sql}={literal}"


def as_bytes(column_sql: str, literal: str) -> str:
    return f"CAST({column_sql} AS BINARY)={build_binary_literal(parse_literal_bytes(literal))}"


def char_as_bytes(column_sql: str, literal: str) -> str:
    # PAD_CHAR_TO_FULL_LENGTH reads a CHAR with its padding; without that mode it has no spaces at its end to trim.
    exactly = as_bytes(f"RTRIM({column_sql})", literal)
    # RTRIM makes '' NULL under MariaDB's sql_mode=ORACLE.
    return exactly if parse_literal_bytes(literal) else f"(LENGTH({column_sql})=0 OR {exactly})"


def as_unsigned(column_sql: str, literal: str) -> str:
    # Not col+0: that is a double for ENUM and SET, too narrow for a SET of more than 53 members.
    return f"CAST({column_sql} AS UNSIGNED)={literal}"


def as_char(column_sql: str, literal: str) -> str:
    return f"CAST({column_sql} AS CHAR)={literal}"


def floating(column_sql: str, literal: str) -> str:
    if literal.strip("-") != "0.0e0":
        return f"{column_sql}={literal}"
    # 0 and -0 are equal as numbers and differ in bytes; the angle tells (C standard, atan2). MariaDB keeps no -0.
    # Not col=0e0: MySQL would then put 0e0 in the column's place everywhere.
    return f"(ABS({column_sql})=0 AND ATAN2({column_sql},-1){'<' if literal[0] == '-' else '>'}0)"


def bits(column_sql: str, literal: str) -> str:
    return f"CAST({column_sql} AS UNSIGNED)={int(literal[2:-1], 2)}"


def bits_key(column_sql: str, literal: str) -> str:
    return f"{column_sql}={int(literal[2:-1], 2)}"


def year(column_sql: str, literal: str) -> str:
    return f"CAST({column_sql} AS UNSIGNED)={int(literal)}"


def calendar_key(column_sql: str, literal: str) -> str:
    # A date that is none is no constant for the index: strict servers refuse it (error 1525).
    month, day = int(literal[6:8]), int(literal[9:11])
    return plain(column_sql, literal) if month > 0 and 0 < day < 29 else as_char(column_sql, literal)


def timestamp(column_sql: str, literal: str) -> str:
    return f"UNIX_TIMESTAMP({column_sql})={parse_timestamp_literal(literal)}"


def timestamp_key(column_sql: str, literal: str) -> str:
    return timestamp(column_sql, literal) if literal == ZERO_TIMESTAMP else plain(column_sql, literal)


# Reading a value back as the text that its literal is made of.


def read_char(column_sql: str) -> str:
    return f"CAST({column_sql} AS CHAR)"


def read_unsigned(column_sql: str) -> str:
    return f"CAST(CAST({column_sql} AS UNSIGNED) AS CHAR)"


def read_hex(column_sql: str) -> str:
    return f"HEX({column_sql})"


def document(column_sql: str, literal: str) -> str:
    """Compare JSON documents of MySQL: as text, and the types of all their values.

    `=` alone takes 1.0 for 1, and CAST AS CHAR a date for a string.
    """
    left, right = column_sql, f"{_NAME}.{_NAME}"
    same = [f"CAST({left} AS BINARY)=CAST({right} AS BINARY)", f"JSON_TYPE({left})=JSON_TYPE({right})"]
    same += [f"{_types(left, path)}<=>{_types(right, path)}" for path in _TYPE_PATHS]
    return f"EXISTS(SELECT 1 FROM (SELECT {literal} AS {_NAME}) AS {_NAME} WHERE {' AND '.join(same)})"


# Bare text would be bytes in a session whose character set is binary, and bytes are no path.
_NAME = "`$_$`"  # must not be a column's
_TYPE_PATHS = ("$**[*]", "$**.*")  # every element of an array; every member of an object


def _types(document_sql: str, path: str) -> str:
    """Return the SQL of the types of all values of a document, outermost first; NULL when it has none."""
    values = f"JSON_TABLE({document_sql},_utf8mb4'{path}' COLUMNS({_NAME} JSON PATH _utf8mb4'$')) AS t"
    return f"CAST((SELECT JSON_ARRAYAGG(JSON_TYPE(t.{_NAME})) FROM {values}) AS BINARY)"


def read_document(column_sql: str) -> str:
    """The document and its types as HEX of JSON text, which binary_json.parse_shown reads."""
    parts = [f"CAST({column_sql} AS BINARY)", f"CAST(JSON_QUOTE(JSON_TYPE({column_sql})) AS BINARY)"]
    parts += [f"IFNULL({_types(column_sql, path)},X'6E756C6C')" for path in _TYPE_PATHS]
    comma = ",X'2C',"
    return f"HEX(CONCAT(X'5B',{comma.join(parts)},X'5D'))"


def read_bytes(column_sql: str) -> str:
    return f"HEX(CAST({column_sql} AS BINARY))"  # GEOMETRY and VECTOR are no strings to HEX


def read_float(column_sql: str) -> str:
    return f"CAST({column_sql}*1e0 AS CHAR)"  # FLOAT alone shows six digits; times one keeps -0, plus zero does not


def read_timestamp(column_sql: str) -> str:
    return f"CAST(UNIX_TIMESTAMP({column_sql}) AS CHAR)"

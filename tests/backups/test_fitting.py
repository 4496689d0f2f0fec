"""It asks the server which values a change would alter; what it cannot ask for certain it does not ask."""

from __future__ import annotations

import pytest

from backups.rollback.column_types import parse_type
from backups.rollback.definitions import Element
from backups.rollback.fitting import build_misfit, has_constant_default


# As SHOW CREATE TABLE of MariaDB 10.11 and MySQL 9.7 gives them.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`a` int DEFAULT NULL", True),
        ("`a` text", True),
        ("`a` varchar(9) NOT NULL DEFAULT 'it''s (' COMMENT 'x'", True),
        ("`a` bit(3) DEFAULT b'101'", True),
        ("`a` decimal(8,2) DEFAULT -1.50", True),
        ("`a` int NOT NULL", False),
        ("`a` int NOT NULL AUTO_INCREMENT", False),
        ("`a` datetime DEFAULT current_timestamp()", False),
        ("`a` datetime DEFAULT CURRENT_TIMESTAMP COMMENT ' DEFAULT NULL '", False),
        ("` DEFAULT NULL ` datetime NOT NULL DEFAULT CURRENT_TIMESTAMP", False),
        ("`a` double DEFAULT (1 + 1)", False),
        ("`a` varchar(40) DEFAULT uuid()", False),
    ],
)
def test_it_knows_a_default_that_is_always_the_same(text: str, expected: bool) -> None:
    assert has_constant_default(Element("a", text)) is expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("varchar(40)", "varchar(20)", "CHAR_LENGTH(`a`) > 20"),
        ("varbinary(40)", "varbinary(20)", "LENGTH(`a`) > 20"),
        ("mediumtext", "text", "LENGTH(`a`) >= 65536"),
        ("decimal(10,4)", "decimal(10,2)", "`a` <> ROUND(`a`, 2)"),
        ("datetime(6)", "datetime(3)", "MICROSECOND(`a`) % 1000 <> 0"),
        ("varchar(40)", "char(40)", None),
        ("double", "float", None),
        ("varchar(40) CHARACTER SET utf8mb4", "varchar(20) CHARACTER SET latin1", None),
        ("text", "blob", None),
    ],
)
def test_it_asks_for_the_values_that_do_not_fit(old: str, new: str, expected: str | None) -> None:
    column = Element("a", f"`a` {old}")
    types = [parse_type(Element("a", f"`a` {text}"), "utf8mb4") for text in (old, new)]
    assert build_misfit(column, *types) == expected

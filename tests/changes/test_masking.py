from __future__ import annotations

import pytest

from changes.masking import hide_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1062: Duplicate entry 'ann@example.org' for key 'email'", "1062: Duplicate entry … for key …"),
        ("shop.t, id=4711: found a row in conflict", "shop.t, id=…: found a row in conflict"),
        ("INSERT INTO `shop`.`t`(`id`) VALUES(4711,'it''s')", "INSERT INTO `shop`.`t`… VALUES…"),
        ("Nothing of statement 2 was applied.", "Nothing of statement 2 was applied."),
    ],
)
def test_values_are_hidden_and_words_stay(text: str, shown: str) -> None:
    assert hide_values(text) == shown

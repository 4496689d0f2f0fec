from __future__ import annotations

from collections.abc import Iterator

import pytest

from backups import faults
from inception_site.config import ConfigError, read_config


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def test_nothing_happens_unless_it_is_armed() -> None:
    for name in faults.POINTS:
        faults.point(name)


def test_it_happens_once_at_the_pass_that_is_named() -> None:
    faults.arm("after_intent:2:raise")
    faults.point("after_intent")
    faults.point("commit_sent")
    with pytest.raises(faults.InjectedFaultError):
        faults.point("after_intent")
    faults.point("after_intent")


def test_several_faults_wait_side_by_side() -> None:
    faults.arm("after_intent:1:raise, commit_sent:1:raise")
    for name in ("commit_sent", "after_intent"):
        with pytest.raises(faults.InjectedFaultError):
            faults.point(name)


@pytest.mark.parametrize(
    "text", ["nowhere:1:kill", "after_intent:0:kill", "after_intent:x:kill", "after_intent:1:dance"]
)
def test_a_fault_that_cannot_be_stops_the_start_and_is_named(text: str, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"site\.fault \(environment INCEPTION__SITE__FAULT\)"):
        read_config(_config(tmp_path, "local"), {"INCEPTION__SITE__FAULT": text})


def test_production_refuses_every_fault(tmp_path) -> None:
    with pytest.raises(ConfigError, match="lets the program die on purpose"):
        read_config(_config(tmp_path, "production"), {"INCEPTION__SITE__FAULT": "after_intent:1:kill"})


def _config(folder, mode: str):
    path = folder / "config.toml"
    path.write_text(f'[site]\nmode = "{mode}"\n')
    return path

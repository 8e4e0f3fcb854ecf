"""Whatever arrives: our error or success, nothing else; here with a fixed number of damages."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.mutations import damaged
from tests.fuzz.targets import TARGETS

NUMBER = 300
CRASHES = Path(__file__).parent / "crashes"


@pytest.mark.parametrize("name", TARGETS)
def test_whole_seeds_are_accepted(name: str) -> None:
    """What a target is damaged from is good as it is, so that damage is what is refused."""
    target = TARGETS[name]
    for seed in target.seeds():
        target.feed(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_damage_ends_in_our_error_or_success(name: str) -> None:
    """A fixed number of damaged seeds raises nothing but the errors of the tree."""
    target = TARGETS[name]
    verdicts = [target.holds(data) for data in damaged(target.seeds(), NUMBER, seed=1)]
    assert target.tolerant or not all(verdicts)


def test_what_once_crashed_does_not_any_more() -> None:
    """Every input that was ever found is fed again to the target that it was found for."""
    for path in sorted(CRASHES.glob("*/*")):
        TARGETS[path.parent.name].holds(path.read_bytes())


def test_a_leak_would_be_seen() -> None:
    """An exception that is not ours passes through a target instead of counting as a refusal."""
    target = TARGETS["pem"]
    leaky = type(target)(feed=lambda data: data.index(b"x") and None, seeds=target.seeds)
    with pytest.raises(ValueError, match="not found"):
        leaky.holds(b"")

"""Endorsements are a bag: everything in it once, in the order of finding."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.tee.endorsements import Endorsements

ITEMS = st.lists(st.sampled_from([b"a", b"b", b"c", b""]), max_size=4, unique=True).map(tuple)
KINDS = tuple(field.name for field in dataclasses.fields(Endorsements))
BAGS = st.builds(Endorsements, **dict.fromkeys(KINDS, ITEMS))


def test_an_empty_bag_is_false() -> None:
    """A bag is true as soon as anything of any kind is in it."""
    assert not Endorsements()
    for kind in KINDS:
        assert Endorsements(**{kind: (b"",)})


@given(BAGS, BAGS)
def test_both_in_one(left: Endorsements, right: Endorsements) -> None:
    """The left one's items come first, then what only the right one has; each once."""
    both = left + right
    for kind in KINDS:
        ours, theirs, found = (getattr(bag, kind) for bag in (left, right, both))
        assert found == ours + tuple(item for item in theirs if item not in ours)


@given(BAGS, BAGS, BAGS)
def test_adding_has_the_usual_laws(a: Endorsements, b: Endorsements, c: Endorsements) -> None:
    """Nothing is neutral, twice is once, and grouping does not matter."""
    assert a + Endorsements() == a == Endorsements() + a == a + a
    assert (a + b) + c == a + (b + c)


def test_kinds_do_not_mix() -> None:
    """The same bytes as a certificate and as a list are two items, of two kinds."""
    both = Endorsements(certificates=(b"x",)) + Endorsements(crls=(b"x",))
    assert (both.certificates, both.crls) == ((b"x",), (b"x",))


def test_a_bag_cannot_change() -> None:
    """Nothing can be slipped in after somebody looked."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Endorsements().crls = (b"x",)  # type: ignore[misc]

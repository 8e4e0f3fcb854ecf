"""The launch message says what it says and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol.launch import (
    Blob,
    Launch,
    Mount,
    Secret,
    decode_launch,
    decode_spilled,
    encode_launch,
    encode_spilled,
)

LAUNCH = Launch(
    manifest="{}",
    blobs=(Blob("ab" * 32, 7, 40), Blob("cd" * 32, 0, 41)),
    stdio=(42, 43, 42),
    args=("one", "\udcff"),
    env=(("KEY", "value"), ("EMPTY", "")),
    config_name="dir/Enarx.toml",
    mounts=(Mount("/data", 45, writable=True),),
    aot=False,
    attested=True,
    not_before_s=1_700_000_000,
    secrets=(Secret("token", 5, 46), Secret("empty", 0, 47)),
)


def shown(value: object) -> object:
    """All attributes of a launch, for comparison."""
    if isinstance(value, tuple):
        return tuple(shown(one) for one in value)
    slots = getattr(type(value), "__slots__", None)
    if slots is None:
        return value
    return {name: shown(getattr(value, name)) for name in slots}


def test_a_launch_survives_the_round_trip() -> None:
    """Every field and every descriptor arrives, the latter under the receiver's numbers."""
    data, fds = encode_launch(LAUNCH)
    assert fds == (40, 41, 42, 43, 42, 45, 46, 47)
    assert shown(decode_launch(data, fds)) == shown(LAUNCH)


def test_a_launch_without_options_survives_too() -> None:
    """What need not be there need not be there."""
    bare = Launch(manifest="{}", blobs=(), stdio=(0, 1, 2))
    assert shown(decode_launch(*encode_launch(bare))) == shown(bare)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"v": 2}, "want 1 to 1"),
        ({"more": 1}, "unknown key 'more'"),
        ({"manifest": ""}, "want 2 to"),
        ({"stdio": [0, 1]}, "got 2 descriptors, want 3"),
        ({"stdio": [0, 1, True]}, "want three indices"),
        ({"stdio": [0, 1, 1]}, "named twice"),
        ({"stdio": [0, 1, 9]}, "is not there"),
        ({"blobs": [{"digest": "00" * 32, "size": 1, "fd": 0}]}, "named twice"),
        ({"blobs": [{"digest": "0", "size": 1, "fd": 3}]}, "want 64 to 64"),
        ({"config": {"fd": 3}}, "unknown key 'config'"),
        ({"config_name": None}, "config_name"),
        ({"mounts": [{"path": "", "fd": 3, "writable": False}]}, "want 1 to"),
        ({"mounts": [{"path": "/", "fd": 3, "writable": 0}]}, "want true or false"),
        ({"args": ["a\0b"]}, "NUL"),
        ({"secrets": [{"name": "../key", "size": 1, "fd": 3}]}, "want a file name of its own"),
        ({"secrets": [{"name": "..", "size": 1, "fd": 3}]}, "want a file name of its own"),
        ({"secrets": [{"name": "", "size": 1, "fd": 3}]}, "want 1 to 255"),
        ({"secrets": [{"name": "key", "size": 1 << 21, "fd": 3}]}, "want 0 to 1048576"),
        ({"secrets": [{"name": "key", "size": 1, "fd": 2}]}, "named twice"),
        ({"aot": None}, "want true or false"),
    ],
)
def test_a_launch_of_another_shape_is_refused(change: dict[str, object], problem: str) -> None:
    """A wrong, missing or unknown part is named, and a descriptor can be claimed only once."""
    data, _ = encode_launch(Launch(manifest="{}", blobs=(), stdio=(5, 6, 7)))
    with pytest.raises(MalformedError, match=problem):
        decode_launch(json.dumps({**json.loads(data), **change}).encode(), (5, 6, 7, 8))


def test_a_descriptor_that_is_not_named_is_refused() -> None:
    """What was sent must be meant for something, or it would stay open unnoticed."""
    data, _ = encode_launch(Launch(manifest="{}", blobs=(), stdio=(5, 6, 7)))
    with pytest.raises(MalformedError, match="descriptor 3 is not named"):
        decode_launch(data, (5, 6, 7, 8))


def test_a_long_launch_is_announced_by_its_last_descriptor() -> None:
    """A spilled message is the last descriptor, of a bounded size."""
    assert decode_spilled(encode_spilled(100, 2), (5, 6, 7)) == (7, 100)
    assert decode_spilled(encode_launch(LAUNCH)[0], ()) is None
    for bad in (encode_spilled(100, 1), encode_spilled(1 << 30, 2), encode_spilled(0, 2)):
        with pytest.raises(MalformedError):
            decode_spilled(bad, (5, 6, 7))


@given(st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(str).map(str.encode))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives as a launch is one or is refused."""
    with suppress(MalformedError):
        decode_launch(data, (5, 6, 7))

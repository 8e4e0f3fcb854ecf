"""The reference of Enarx.toml names every key and shows only what is valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from enarx.package.config import examine
from enarx.package.schema import ENARX_TOML
from enarx.wire.shape import Many, Named, Shape, Table, Tagged

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "enarx-toml.md").read_text()


def keys(shape: Shape) -> Iterator[str]:
    """Every key below *shape*."""
    match shape:
        case Table():
            for key, item in shape.keys.items():
                yield key
                yield from keys(item)
        case Tagged():
            for table in shape.variants.values():
                yield from keys(table)
        case Many() | Named():
            yield from keys(shape.item)


def test_every_key_is_documented() -> None:
    """Each key of the schema stands in a table of the page."""
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    documented = set(re.findall(r"`([a-z_]+)`", tables))
    assert set(keys(ENARX_TOML)) - documented == set()


def test_every_example_is_valid() -> None:
    """Each TOML block of the page parses without a problem."""
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 8
    assert [examine(block.encode())[1] for block in blocks] == [()] * 8

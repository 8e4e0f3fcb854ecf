"""A zygote whose keeps run the bodies of these tests, and one way to run one to its end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.host.process import ProcessKeep, Zygote, start_zygote
from enarx.host.supervise import supervise
from enarx.protocol.launch import Launch, Mount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.protocol.outcome import Outcome

PROGRAM = "import bodies; from enarx.keep.zygote import serve; serve(lambda: {'run': bodies.run})"


class Keeps:
    """Starts keeps with one zygote and hears what they say."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote

    def start(self, *body: str, mounts: tuple[Mount, ...] = ()) -> tuple[ProcessKeep, int]:
        """Start a body: (keep, what it says, to be read and closed)."""
        said, out = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        launch = Launch(manifest="{}", blobs=(), stdio=(null, out, null), args=body, mounts=mounts)
        keep = self.zygote.launch(launch)
        os.close(out)
        os.close(null)
        return keep, said

    def run(self, *body: str, mounts: tuple[Mount, ...] = ()) -> tuple[Outcome, list[object]]:
        """Run a body to its end: (how it ended, what it said)."""
        keep, said = self.start(*body, mounts=mounts)
        outcome = supervise(self.zygote, keep)
        with open(said, encoding="utf-8") as lines:  # noqa: PTH123 - a descriptor
            return outcome, [json.loads(line) for line in lines]


@pytest.fixture
def new_zygote() -> Iterator[Callable[[], Keeps]]:
    """Start a zygote of the test's own."""
    started: list[Zygote] = []

    def start() -> Keeps:
        zygote = start_zygote(program=PROGRAM, path=(str(Path(__file__).parent),))
        started.append(zygote)
        return Keeps(zygote)

    yield start
    for zygote in started:
        zygote.close()


@pytest.fixture(scope="module")
def keeps() -> Iterator[Keeps]:
    """One zygote for all tests of a module."""
    zygote = start_zygote(program=PROGRAM, path=(str(Path(__file__).parent),))
    yield Keeps(zygote)
    zygote.close()

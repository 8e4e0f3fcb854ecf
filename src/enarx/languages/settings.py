"""What ``enarx-build.toml`` says about the build of a project; most projects have none.

It stands apart from ``Enarx.toml``, which is measured with the package: how a program was compiled
shows in its bytes already.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from enarx.wire.shape import Many, Table, Text
from enarx.wire.shape_check import Problems, read
from enarx.wire.toml import read_toml

FILE = "enarx-build.toml"
MAX_BYTES = 64 * 1024

_SHAPE = Table(
    about="How a project is built.",
    keys={
        "language": Text(about="The language, where the files fit several: c, rust, …"),
        "with": Text(about="The way to build, where a language has several: zig, clang, …"),
        "flags": Many(about="More arguments for the compiler.", item=Text()),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A project's own wishes; empty where it has none."""

    language: str = ""
    recipe: str = ""
    flags: tuple[str, ...] = ()


def parse(text: bytes, source: str) -> Settings:
    """The settings in *text*.

    Raises:
        MisconfiguredError: the first mistake in it.
    """
    problems = Problems(source)
    keys = cast(
        "dict[str, object]", read(_SHAPE, read_toml(text, problems, most=MAX_BYTES), "", problems)
    )
    if problems.found:
        raise problems.found[0]
    return Settings(
        language=cast("str", keys.get("language", "")),
        recipe=cast("str", keys.get("with", "")),
        flags=tuple(cast("list[str]", keys.get("flags", ()))),
    )

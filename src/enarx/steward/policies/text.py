"""Policies written as TOML from values, for documents that no person wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from enarx.appraisal.catalogue import POLICY_VERSION
from enarx.wire.shape import Unchecked
from enarx.wire.shape_check import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from enarx.appraisal.image import ReferenceValue


def toml(value: object) -> str:
    """*value* on one line: a text, number, truth, list, table, or what is left out and why."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bytes():
            return toml(value.hex())
        case Unchecked():
            return toml({"unchecked": value.reason})
        case dict():
            pairs = ", ".join(f"{join('', key)} = {toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case frozenset():
            return toml(sorted(value))
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return str(value)


def appraisal_lines(
    name: str,
    platforms: Iterable[str],
    stated: Mapping[str, object],
    comments: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """What evidence must say.

    Args:
        stated: the values by their whole keys ("snp.policy.single_socket").
        comments: what to say above a key.
    """
    yield f"version = {POLICY_VERSION}"
    yield f"name = {toml(name)}"
    yield f"platforms = {toml(tuple(platforms))}"
    section = ""
    for key, value in stated.items():
        if key.partition(".")[0] != section:
            section = key.partition(".")[0] if "." in key else ""
            yield ""
        if comments and key in comments:
            yield f"# {comments[key]}"
        yield f"{key} = {toml(value)}"


def reference_lines(references: Iterable[ReferenceValue]) -> Iterator[str]:
    """What images measure; after every plain key."""
    for one in references:
        values = {**one.image._asdict(), "platform": one.platform}
        yield from ("", "[[reference_values]]", *table_lines(values))
        yield f"measurements = {toml(dict(one.measurements))}"


def table_lines(values: Mapping[str, object]) -> Iterator[str]:
    """The keys of one table, under its header."""
    for key, value in values.items():
        yield f"{join('', key)} = {toml(value)}"

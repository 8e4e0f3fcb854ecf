"""The policy file that ``enarx policy init`` writes: complete, strict, and commented.

Made from the properties themselves, so that it states every one of them.  It passes ``enarx policy
check`` as it is; what an operator must fill in is left out with a reason that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.appraisal.catalogue import SECTIONS, neutral
from enarx.appraisal.neutral import IMAGE, NEUTRAL, SIMULATED, TCB
from enarx.appraisal.property import left_out
from enarx.appraisal.reference_values import MEASUREMENTS
from enarx.appraisal.unstated import UNSTATED, WITHOUT_LISTS
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enarx.appraisal.image import ReferenceValue
    from enarx.appraisal.property import Property


def starter(
    platforms: tuple[str, ...],
    name: str,
    *,
    references: Sequence[ReferenceValue] = (),
    accept_simulated: bool = False,
) -> str:
    """The text of a policy that accepts *platforms*, at least one.

    Args:
        references: of the images that it accepts; without any it leaves the image unchecked.
        accept_simulated: accept simulations as well.
    """
    lines = (
        *_lines(platforms, name, references, accept_simulated=accept_simulated),
        *_entries(references),
    )
    return "\n".join(lines) + "\n"


def _lines(
    platforms: tuple[str, ...],
    name: str,
    references: Sequence[ReferenceValue],
    *,
    accept_simulated: bool,
) -> Iterator[str]:
    yield "## What evidence must say to be accepted. Check it with: enarx policy check"
    yield '## Every property is stated, or left out with a reason: x = { unchecked = "reason" }'
    yield ""
    yield "version = 1"
    yield f'name = "{name}"'
    yield f"platforms = [{', '.join(f'{chr(34)}{p}{chr(34)}' for p in platforms)}]"
    yield from _accepted(references) if references else _image(platforms)
    for one in NEUTRAL:
        if one.key == SIMULATED and accept_simulated:
            yield from (*_comment(one), f'{SIMULATED} = "allowed"')
        elif one.key != IMAGE:
            yield from _property(one, one.key)
    if any(neutral(platform) is not NEUTRAL for platform in platforms):
        yield from ("", "[tcb]")
        for one in TCB:
            yield from _property(one, one.key.partition(".")[2])
    for platform in platforms:
        yield from _section(platform)


def _accepted(references: Sequence[ReferenceValue]) -> Iterator[str]:
    """The images of *references*, by name; their measurements stand at the end."""
    yield from _comment(next(one for one in NEUTRAL if one.key == IMAGE))
    images = dict.fromkeys(one.image for one in references)
    listed = (f'{{ name = "{one.name}", version = "{one.version}" }}' for one in images)
    yield f"{IMAGE} = [{', '.join(listed)}]"


def _entries(references: Sequence[ReferenceValue]) -> Iterator[str]:
    for one in references:
        yield ""
        yield "[[reference_values]]"
        yield f'name = "{one.image.name}"'
        yield f'version = "{one.image.version}"'
        yield f'platform = "{one.platform}"'
        yield ""
        yield "[reference_values.measurements]"
        for name, values in one.measurements.items():
            yield f"{name} = {_values(values)}"


def _values(values: frozenset[bytes] | Unchecked) -> str:
    if isinstance(values, Unchecked):
        return left_out(values.reason)
    return f"[{', '.join(f'{chr(34)}{value.hex()}{chr(34)}' for value in sorted(values))}]"


def reference_value_file(references: Sequence[ReferenceValue], title: str) -> str:
    """The text of a file that a policy can name in ``reference_value_files``."""
    return "\n".join((f"# {title}", "version = 1", *_entries(references))) + "\n"


def _image(platforms: tuple[str, ...]) -> Iterator[str]:
    image = next(one for one in NEUTRAL if one.key == IMAGE)
    yield from _comment(image)
    yield '# image = [{ name = "my-image", version = "1.0.0" }]'
    yield '# reference_value_files = ["my-image.toml"]'
    yield f"image = {image.starter}"
    yield ""
    yield "## A file of reference values has entries like these; they may stand here as well,"
    yield "## after all other keys:"
    for platform in platforms:
        names = MEASUREMENTS.get(platform, ("measurement",))
        values = ", ".join(f'{name} = ["…"]' for name in names)
        yield "# [[reference_values]]"
        yield '# name = "my-image"'
        yield '# version = "1.0.0"'
        yield f'# platform = "{platform}"'
        yield f"# measurements = {{ {values} }}"


def _section(platform: str) -> Iterator[str]:
    yield ""
    yield f"[{platform}]"
    unstated = {key: reason for (where, key), reason in UNSTATED.items() if where == platform}
    for one in neutral(platform):
        if one.key in unstated:
            yield f"{one.key} = {left_out(unstated[one.key])}"
    if platform in WITHOUT_LISTS:
        yield 'revocation = "if_available"'
    table = ""
    for one in SECTIONS[platform]:
        inner, _, key = one.key.rpartition(".")
        if inner != table:
            table = inner
            yield from ("", f"[{platform}.{table}]")
        if one.key in unstated:
            yield f"{key} = {left_out(unstated[one.key])}"
        else:
            yield from _property(one, key)


def _property(one: Property, key: str) -> Iterator[str]:
    yield from _comment(one)
    yield f"{key} = {one.starter}"


def _comment(one: Property) -> Iterator[str]:
    yield ""
    yield f"## {one.about[:1].upper()}{one.about[1:]}."
    yield f"## If it is not checked: {one.risk}."

"""Writes the reference of policy files from the catalogue that the parser uses.

``python docs/policy_reference.py FILE`` writes it; with ``--check`` it says whether FILE is what it
would write.  A test runs the check, so catalogue and documentation are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from enarx.appraisal.catalogue import EVALUATED, MAX_INCLUDES, PLATFORMS, SECTIONS
from enarx.appraisal.composition import MAX_BYTES, MAX_DEPTH, MAX_FILES
from enarx.appraisal.neutral import NEUTRAL, SIMULATED, TCB
from enarx.appraisal.property import Property
from enarx.appraisal.reference_values import MEASUREMENTS
from enarx.wire.shape import Duration, Many, Named, Shape, Table, Text, Unchecked, Whole

HEAD = f"""# Policy files

What evidence must say to be accepted. [The guide](../guides/policies.md) explains how to write one.
The tables on this page are made from the program (`docs/policy_reference.py`). In them, *claim* is
the name under which results list the check, and *for* the part of the trustworthiness vector that
a failure counts for.

```console
$ enarx policy init            # write a complete, commented policy
$ enarx policy check           # list every problem: file, key, got, wanted, nearest known key
$ enarx policy explain         # say in plain English what it demands, and what it leaves out
$ enarx policy schema > enarx-policy.schema.json
```

## Rules of the format

- TOML, at most {MAX_BYTES:,} bytes for each file. Unknown keys are errors at every level.
- **Every property is stated.** One that is absent is an error. `x = {{ unchecked = "reason" }}`, or
  `x.unchecked = "reason"`, leaves it out. The reason must not be empty, and every verdict repeats
  it. `{SIMULATED}` cannot be left out.
- A property counts for the platforms that have it. Neutral ones stand at the top. A platform that
  is accepted needs its section, which may state neutral ones as well; there they count for that
  platform alone. Sections of platforms that are not accepted are held against their shape and
  otherwise ignored, so that a file can be included by policies for fewer platforms.
- A claim that the evidence does not state fails a property that demands it ("not stated by this
  platform"). `"allowed"` demands nothing.
- Lists are sets: any of the values passes. Minima of TCBs are compared component by component,
  masks bit by bit.

## Top level

| key | value | meaning |
|---|---|---|
| `version` | 1 | the version of this format, in every file |
| `name` | letters, digits and `._-`, at most 100 | what results call the policy |
| `platforms` | array of names, see the sections below | the platforms that are accepted |
| `include` | array of at most {MAX_INCLUDES} paths | files that come first |
| `reference_values` | array of tables, see below | what images measure |
| `reference_value_files` | array of at most {MAX_INCLUDES} paths | files of them, TOML or JSON |

Paths count from the folder of the file that names them. Included files count in their order, then
the file itself: the last that states a property, a name or the platforms decides, for the whole
value. Reference values are replaced by image and platform. At most {MAX_DEPTH} files deep and
{MAX_FILES} inclusions together.
"""

REFERENCE = """## Reference values

```toml
[[reference_values]]
name = "my-image"
version = "1.0.0"
platform = "snp"
measurements = { measurement = ["…96 hexadecimal digits…"] }
```

A file of reference values holds `version = 1` and such entries, or the same as JSON. Several
entries for one image and platform are alternatives: evidence must have every measurement of one of
them. A measurement can be left out with a reason, as a property can, but not all of them. Evidence
that states a measurement which its reference value does not mention fails.

| platform | measurements that every entry states or leaves out |
|---|---|
"""


def main() -> int:
    """Write or check the page."""
    *options, name = sys.argv[1:]
    page = Path(name)
    if options != ["--check"]:
        page.write_text(render())
        return 0
    if page.exists() and page.read_text() == render():
        return 0
    print(f"{page} is not what the program says: run {sys.argv[0]} {name}", file=sys.stderr)
    return 1


def render() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


def lines() -> Iterator[str]:
    """Head, a table for each section, and the reference values."""
    yield HEAD
    yield "## Neutral properties\n"
    yield from table(NEUTRAL)
    yield f"\n## `[tcb]`, for {listed(sorted(EVALUATED))}\n"
    yield from table(TCB)
    for platform in PLATFORMS:
        yield f"\n## `[{platform}]`\n"
        base = platform.removeprefix("azure-")
        if base != platform:
            yield f"Everything that `[{base}]` has, and:\n"
        known = SECTIONS[base] if base != platform else ()
        yield from table(one for one in SECTIONS[platform] if one not in known)
    yield ""
    yield REFERENCE.rstrip("\n")
    for platform, names in MEASUREMENTS.items():
        yield f"| `{platform}` | {listed(names)} |"
    yield "| others | those that the evidence states |"


def table(properties: Iterable[Property]) -> Iterator[str]:
    """A row for each property."""
    yield "| key | value | what it is about | if not checked | without a policy | claim | for |"
    yield "|---|---|---|---|---|---|---|"
    for one in properties:
        cells = (
            f"`{one.key}`",
            value(one.value),
            one.about,
            one.risk,
            baseline(one),
            f"`{one.claim}`",
            one.concern,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def baseline(one: Property) -> str:
    """What the built-in policy says; what it says of single platforms is in the guide."""
    if isinstance(one.baseline, Unchecked):
        return "not checked"
    return listed(one.baseline) if isinstance(one.baseline, tuple) else f"`{one.baseline}`"


def value(shape: Shape) -> str:
    """The values that a shape allows."""
    match shape:
        case Text() if shape.choices:
            return " or ".join(f'`"{choice}"`' for choice in shape.choices)
        case Text():
            return shape.wanted
        case Whole():
            return f"an integer from {shape.minimum} to {shape.maximum}"
        case Duration():
            return f'seconds, or a time like `"30d"`, at most {shape.maximum_s} s'
        case Many():
            least = f"{shape.least} or more of" if shape.least else "any number of"
            return f"array, {least}: {value(shape.item)}"
        case Named():
            return f"table of {shape.key.wanted} = {value(shape.item)}"
        case Table():
            inner = ", ".join(f"`{key}`" for key in shape.keys)
            return f"table with {inner}{minima(shape)}"
        case _:
            raise TypeError(shape)


def minima(shape: Table) -> str:
    """What the tables of products hold."""
    tables = [item for item in shape.keys.values() if isinstance(item, Table)]
    if not tables:
        return ""
    names = dict.fromkeys(name for item in tables for name in item.required)
    each = value(next(iter(tables[0].keys.values())))
    return f", each with every one of its {listed(names)}: {each}"


def listed(names: Iterable[str]) -> str:
    """Names as code."""
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main())

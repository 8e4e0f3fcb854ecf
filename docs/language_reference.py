"""Writes the table of languages, and its plot, from the registry and from what was measured.

``python docs/language_reference.py FOLDER`` writes ``languages.md`` and ``languages.svg``; with
``--check`` it says whether they are what it would write.  A test runs the check.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

RECORD = Path(__file__).parent.parent / "benchmarks" / "languages.json"
PAGE, PLOT = "languages.md", "languages.svg"

HEAD = """# Languages

Made by `make language-reference` from what `enarx new` and `enarx build` know; `enarx new --list`
prints it too.

- **supported**: tested here, with a toolchain that `enarx build --install-toolchain` gets on Linux
  for x86-64.
- **experimental**: likewise, with gaps that are named below.
- **bring your own**: the toolchain is yours; the templates and the build are ours.

Size and start are those of the template `hello`: a process keep from the command to its end, with
compiled code from the cache, and compiled first; the fastest of several. Sockets: whether a program
can use a socket that it finds open. `wasip2` are components, of the template `handler`.
"""
PLOTTED = """
## Work

The template `filter` over 16 MiB of text in a process keep, in megabytes a second; the thin line is
the same source as a native program, or the one in C where the compiler makes no native ones. Start
and compilation are in it. Measured on two cores that others used as well.

![Throughput of the template filter by language, in a keep and native](languages.svg)
"""
Measured = Mapping[str, object]

WIDTH, LEFT, ROW, BAR = 720, 150, 30, 14
MIB_KIB = 1024


def main() -> int:
    """Write or check the page and the plot."""
    *options, folder = sys.argv[1:]
    record = json.loads(RECORD.read_text())
    made = {PAGE: "\n".join(page(record)) + "\n", PLOT: "\n".join(plot(record)) + "\n"}
    for name, text in made.items():
        place = Path(folder) / name
        if options != ["--check"]:
            place.write_text(text)
        elif not place.exists() or place.read_text() != text:
            problem = f"{place} is not what the registry says: run `make language-reference`"
            print(problem, file=sys.stderr)
            return 1
    return 0


def page(record: Mapping[str, Measured]) -> Iterator[str]:
    """The lines of the page."""
    yield HEAD
    yield "| language | label | target | sockets | size | start | compiled first | built with |"
    yield "|---|---|---|---|---|---|---|---|"
    for language in LANGUAGES:
        yield row(language, record.get(language.name))
    yield PLOTTED
    yield "## What does not work"
    for language in LANGUAGES:
        if language.notes:
            yield f"\n**{language.title}**\n"
            yield from (f"- {note}" for note in language.notes)


def row(language: Language, measured: Measured | None) -> str:
    """One row of the table."""
    cells = [
        f"[{language.title}](../guides/languages/{language.name}.md)",
        language.label,
        ", ".join(language.targets),
        "yes" if language.sockets else "no",
        *(figures(measured) if measured else ("not measured", "", "", "")),
    ]
    return f"| {' | '.join(cells)} |"


def figures(measured: Measured) -> tuple[str, str, str, str]:
    """Size, both starts, and the tools that made it."""
    kib = float(str(measured["size_bytes"])) / 1024
    size = f"{kib / 1024:.1f} MiB" if kib >= MIB_KIB else f"{kib:.0f} KiB"
    start, first = (float(str(measured[key])) for key in ("start_ms", "first_start_ms"))
    return size, f"{start:.0f} ms", f"{first:.0f} ms", str(measured["tools"])


def plot(record: Mapping[str, Measured]) -> Iterator[str]:
    """The lines of the plot: a bar for each language in a keep, a line for what is native."""
    shown = [(one.title, record[one.name]) for one in LANGUAGES if one.name in record]
    rates = [float(str(one[key])) for _, one in shown for key in ("filter_mb_s", "native_mb_s")]
    scale = (WIDTH - LEFT - 90) / max(rates, default=1.0)
    height = ROW * len(shown) + 10
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="sans-serif" font-size="13" fill="#777">'
    )
    for number, (title, one) in enumerate(shown):
        yield from bars(title, one, ROW * number + 8, scale)
    yield "</svg>"


def bars(title: str, one: Measured, top: int, scale: float) -> Iterator[str]:
    """The bar and the line of one language."""
    ours, native = (float(str(one[key])) for key in ("filter_mb_s", "native_mb_s"))
    yield f'<text x="{LEFT - 8}" y="{top + 11}" text-anchor="end">{title}</text>'
    yield (f'<rect x="{LEFT}" y="{top}" width="{ours * scale:.1f}" height="{BAR}" fill="#3f7fbf"/>')
    yield (
        f'<rect x="{LEFT}" y="{top + BAR + 1}" width="{native * scale:.1f}" height="3"'
        ' fill="#bf7f3f"/>'
    )
    yield f'<text x="{LEFT + ours * scale + 6:.1f}" y="{top + 11}">{ours:.0f}</text>'


if __name__ == "__main__":
    sys.exit(main())

"""Writes what a run of the tests found about each language, as a table, into a page.

``python docs/language_matrix.py RESULTS.xml [PAGE]``: RESULTS is what ``pytest --junitxml`` wrote;
the table takes the place of what stands between the two marks in PAGE, or is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from enarx.languages.registry import LANGUAGES

BEGIN, END = "<!-- languages: begin -->", "<!-- languages: end -->"
COLUMNS = {
    "hello": "tests.languages.test_templates.test_hello",
    "filter": "tests.languages.test_templates.test_filter",
    "HTTPS": "tests.languages.test_templates.test_http",
    "client": "tests.languages.test_network_templates.test_client",
    "handler": "tests.languages.test_network_templates.test_handler",
    "work": "tests.languages.test_work.test_work",
    "SNP, TDX, SGX": "tests.deploy.test_languages.test_work_is_the_same_everywhere",
}
"""A column's title, and the test that has a parameter for each language."""

WORDS = {"failure": "**fails**", "error": "**fails**", "skipped": "not tried"}


def main() -> int:
    """Print the table or put it into the page."""
    results, *pages = sys.argv[1:]
    table = render(outcomes(Path(results)))
    if not pages:
        print(table)
        return 0
    page = Path(pages[0])
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{page} has no {BEGIN} and {END}", file=sys.stderr)
        return 1
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")
    return 0


def outcomes(results: Path) -> dict[str, str]:
    """By test and parameter, what came of it, in a word for people."""
    found = {}
    for case in ET.parse(results).iter("testcase"):  # noqa: S314 - pytest wrote it
        kinds = {child.tag for child in case} & set(WORDS)
        word = WORDS[min(kinds)] if kinds else "yes"
        found[f"{case.get('classname')}.{case.get('name')}"] = word
    return found


def render(found: Mapping[str, str]) -> str:
    """The table; "none" where a language has no such template."""
    lines = [f"| language | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for language in LANGUAGES:
        cells = [found.get(f"{test}[{language.name}]", "none") for test in COLUMNS.values()]
        lines.append(f"| {language.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

"""``python install_toolchains.py [--limit SECONDS] [NAME]...``: compilers for the tests.

Installs the toolchain of each language that has one, as ``enarx build --install-toolchain`` does,
and builds a program with it.  One that takes longer than the limit, or whose registry is out of
reach, is named and left out: its tests are skipped with that reason.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

LIMIT_S = 600.0


def main() -> int:
    """Install what was named, or all; what could not be is no failure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS")
    options = parser.parse_args()
    for language in LANGUAGES:
        if options.names and language.name not in options.names:
            continue
        if not any(recipe.toolchain for recipe in language.recipes):
            print(f"{language.title}: bring your own", flush=True)
            continue
        for template in sorted({"hello", "handler"} & set(language.templates), reverse=True):
            begin = time.monotonic()
            said = install(language, template, options.limit)
            print(f"{language.title}: {said} ({time.monotonic() - begin:.0f} s)", flush=True)
    return 0


def install(language: Language, template: str, limit_s: float) -> str:
    """Install the toolchain of a template of *language* and build it; how it went, in one line."""
    with tempfile.TemporaryDirectory() as folder:
        for words in (
            ("new", "--lang", language.name, "--template", template, f"{folder}/app"),
            ("build", "--install-toolchain", f"{folder}/app"),
        ):
            try:
                done = subprocess.run(
                    (sys.executable, "-m", "enarx", *words),
                    capture_output=True, text=True, timeout=limit_s, check=False,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"left out: it took longer than {limit_s:.0f} s"
            if done.returncode:
                errors = [line for line in done.stderr.splitlines() if "enarx: error: " in line]
                return f"left out: {(errors or done.stderr.splitlines() or ['?'])[-1]}"
    return done.stdout.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())

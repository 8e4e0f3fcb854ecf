"""A policy of several files as the one document that a Steward stores.

What is approved must not change with a file that is elsewhere.  The document states what the files
state together; comments of a policy that names other files are lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from enarx.appraisal.composition import merge
from enarx.steward.policies.document import FILES, parse, split
from enarx.steward.policies.text import appraisal_lines, reference_lines, table_lines
from enarx.wire import document
from enarx.wire.shape_check import Problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.appraisal.composition import Merged, Unread


def flatten(root: str, files: Mapping[str, bytes | Unread]) -> bytes:
    """The policy in the file *root*; exactly that file where it names no others.

    Args:
        files: the texts of *root* and of everything that it includes.

    Raises:
        MisconfiguredError: the first problem with any of them.
    """
    data = cast("bytes", files[root])
    problems = Problems(root)
    own, rest = split(data, problems)
    if not problems.found and not any(key in rest for key in FILES):
        parse(data, root)
        return data
    merged, others = merge(root, {**files, root: document.dump(rest)})
    if problems.found or others:
        raise (*problems.found, *others)[0]
    found = "\n".join((*_lines(merged), *_own(own), "")).encode()
    parse(found, root)
    return found


def _lines(merged: Merged) -> Iterator[str]:
    yield f"# Made of {', '.join(merged.sources)}."
    stated = {key: one.value for key, one in merged.properties.items()}
    yield from appraisal_lines(merged.name, merged.platforms, stated)
    for values in merged.references.values():
        yield from reference_lines(values)


def _own(own: Mapping[str, object]) -> Iterator[str]:
    """The Steward's tables, as TOML has them; ``parse`` looks at them."""
    issue, workloads = own.get("issue"), own.get("workload")
    if isinstance(issue, dict):
        yield from ("", "[issue]", *table_lines(issue))
    for one in workloads if isinstance(workloads, list) else ():
        yield from ("", "[[workload]]", *table_lines(one if isinstance(one, dict) else {}))

"""The name of one build: everything that its result depends on, in one digest.

Contents count, not dates.  Tools are known by their file (path, size, date): to ask each for its
version would take longer than most of what is saved.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Project


def fingerprint(
    project: Project, *, digests: Mapping[str, str], way: tuple[str, ...], tools: Mapping[str, str]
) -> str:
    """The name of the build of *project*, in hexadecimal.

    Args:
        digests: of each source, by name.
        way: language and recipe, and the release of this program, whose recipe it is.
        tools: by name, what tells one tool's file from another.
    """
    parts = {
        "flags": project.flags,
        "folder": project.folder,  # compilers write it into what they make
        "profile": project.profile,
        "sources": [[source, digests[source]] for source in project.sources],
        "tools": dict(tools),
        "way": way,
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

"""What a keep image consists of, as a bill of materials that others' tools read.

CycloneDX 1.6 in JSON: a component for each input, with its hash and package URL, and below each the
files of the image that are from it, with theirs.  It holds no time and no random number, so that
the same image has the same bill.

Source: ECMA-424, CycloneDX 1.6; the package URL specification for Debian and PyPI.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from enarx.image.archive import File
from enarx.image.contents import OWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from enarx.image.contents import Contents
    from enarx.image.inputs import Input


def bill(
    contents: Contents,
    inputs: Iterable[Input],
    *,
    name: str,
    version: str,
    given: Mapping[str, bytes],
) -> bytes:
    """The bill of the image *name* *version*.

    Args:
        given: files of the image that are none of its inputs, by name.
    """
    components = [_component(each, contents) for each in sorted(inputs, key=lambda i: i.name)]
    own = {
        "type": "library",
        "bom-ref": OWN,
        "name": OWN,
        "version": version,
        "purl": f"pkg:pypi/{OWN}@{_escaped(version)}",
        "components": _files(contents, OWN),
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "operating-system",
                "bom-ref": name,
                "name": name,
                "version": version,
            }
        },
        "components": [*components, own, *(_given(*each) for each in sorted(given.items()))],
        "dependencies": [
            {"ref": name, "dependsOn": sorted((*(str(c["bom-ref"]) for c in components), OWN))}
        ],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _given(name: str, data: bytes) -> dict[str, object]:
    """A file of which nothing is known but its content."""
    return {
        "type": "firmware",
        "bom-ref": f"given:{name}",
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}],
    }


def _component(each: Input, contents: Contents) -> dict[str, object]:
    purl = (
        f"pkg:deb/debian/{_escaped(each.name)}@{_escaped(each.release)}"
        if each.kind == "deb"
        else f"pkg:pypi/{_escaped(each.name)}@{_escaped(each.release)}"
    )
    component: dict[str, object] = {
        "type": "firmware" if each.role.startswith("firmware") else "library",
        "bom-ref": each.name,
        "name": each.name,
        "version": each.release,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": each.sha256}],
    }
    files = _files(contents, each.name)
    return component | ({"components": files} if files else {})


def _files(contents: Contents, origin: str) -> list[dict[str, object]]:
    return [
        {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(file.data).hexdigest()}],
        }
        for name, file in sorted(contents.tree.items())
        if isinstance(file, File) and contents.origins[name] == origin
    ]


def _escaped(text: str) -> str:
    """As a part of a package URL."""
    return "".join(c if c.isalnum() or c in "-._~" else f"%{ord(c):02X}" for c in text)

"""A keep image as it is published: a folder of files, and one that names them by hash.

    image.json    name, version, command line, and size and sha256 of every other file
    vmlinuz       the kernel
    initrd.img    everything else
    sbom.json     what that is and where it is from
    bios-256k.bin, OVMF.amdsev.fd, OVMF.inteltdx.fd    firmware, by platform

``image.json`` is what a release signs; whoever has it can check the rest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import zstandard

from enarx.errors import MalformedError
from enarx.image import recipe
from enarx.image.archive import archive
from enarx.image.sbom import bill
from enarx.wire.document import Fields, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from enarx.image.contents import Contents
    from enarx.image.inputs import Input

NAME = "enarx-vm"
"""Of the image, in reference values."""
MANIFEST = "image.json"
KERNEL = "vmlinuz"
INITRD = "initrd.img"
SBOM = "sbom.json"
FIRMWARE = {"vm": "bios-256k.bin", "snp": "OVMF.amdsev.fd", "tdx": "OVMF.inteltdx.fd"}
MAX_MANIFEST_BYTES = 64 * 1024
MAX_FILE_BYTES = 512 * 1024 * 1024

_LEVEL = 12  # higher ones take ten times as long for a tenth less
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``image.json`` says.

    Args:
        command_line: of the kernel.
        files: size and sha256 of each file by name.
    """

    name: str
    version: str
    command_line: str
    files: Mapping[str, tuple[int, str]]


def build(
    contents: Contents,
    inputs: Iterable[Input],
    *,
    version: str,
    firmware: Mapping[str, bytes] = MappingProxyType({}),
    debug_console: bool = False,
) -> Mapping[str, bytes]:
    """The files of an image, ``image.json`` among them.

    Args:
        firmware: by platform, instead of what is among the inputs.
        debug_console: the kernel says on a serial port what it does, for the host to read.
    """
    initrd = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True)
    given = {FIRMWARE[platform]: data for platform, data in firmware.items()}
    files = {
        KERNEL: contents.kernel,
        INITRD: initrd.compress(archive(contents.tree)),
        SBOM: bill(contents, inputs, name=NAME, version=version, given=given),
        **{FIRMWARE[platform]: data for platform, data in contents.firmware.items()},
        **given,
    }
    console = recipe.DEBUG_CONSOLE if debug_console else recipe.NO_CONSOLE
    document = {
        "format": _VERSION,
        "name": NAME,
        "version": version,
        "command_line": " ".join((*console, *recipe.COMMAND_LINE)),
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        },
    }
    return files | {MANIFEST: json.dumps(document, indent=1).encode() + b"\n"}


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read ``image.json``.

    Raises:
        MalformedError: it is of a wrong shape.
    """
    document = load(data, where)
    document.integer("format", _VERSION, _VERSION)
    found = Manifest(
        name=document.text("name", most=64),
        version=document.text("version", most=64),
        command_line=document.text("command_line", most=2048),
        files=_listed(document.object("files")),
    )
    document.done()
    missing = {KERNEL, INITRD} - set(found.files)
    if missing:
        raise MalformedError(where, f"lists no {min(missing)}")
    return found


def check(manifest: Manifest, name: str, data: bytes, where: str) -> None:
    """Insist that *data* is the image's file *name*.

    Raises:
        MalformedError: it is another one.
    """
    size, sha256 = manifest.files[name]
    got = hashlib.sha256(data).hexdigest()
    if len(data) != size or got != sha256:
        problem = f"got {len(data)} bytes with sha256 {got}, want {size} with {sha256}"
        raise MalformedError(where, problem, hints=("build the image anew: enarx image build",))


def _listed(files: Fields) -> Mapping[str, tuple[int, str]]:
    known = (KERNEL, INITRD, SBOM, *FIRMWARE.values())
    found = {}
    for name in known:
        if name in files:
            entry = files.object(name)
            found[name] = entry.integer("size", 1, MAX_FILE_BYTES), entry.hexadecimal("sha256", 64)
            entry.done()
    files.done()
    return found

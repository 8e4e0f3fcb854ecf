"""``enarx image build`` and ``lock``: make the image of a keep that is a virtual machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx import __version__
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.adapters.image_inputs import Inputs
    from enarx.image.inputs import Inputs as Lock

_LOCK = click.option(
    "--lock", metavar="FILE", default="", help="What it is made of, by hash.  [default: ours]"
)
_SOURCES = (
    click.option("--inputs", metavar="DIR", default="", help="Look for the inputs there first."),
    click.option(
        "--mirror", "mirrors", metavar="NAME=URL", multiple=True,
        help="Where an archive is: debian=URL. By default as this system's apt has it.",
    ),
    click.option("--offline", is_flag=True, help="Fetch nothing."),
)  # fmt: skip


@click.command("build")
@click.option(
    "-o", "--output", metavar="DIR", default="",
    help="Folder to make.  [default: ~/.local/share/enarx/image]",
)  # fmt: skip
@_LOCK
@click.option(
    "--firmware", "firmware", metavar="PLATFORM=FILE", multiple=True,
    help="Firmware for snp, tdx or vm instead of the pinned one; repeatable.",
)  # fmt: skip
@click.option("--replace", is_flag=True, help="Exchange an image that is there.")
@click.option(
    "--insecure-debug-console", "debug_console", is_flag=True,
    help="Let the kernel tell the host what it does; another image, with other measurements.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(
    *,
    output: str,
    lock: str,
    firmware: tuple[str, ...],
    replace: bool,
    debug_console: bool,
    as_json: bool,
    inputs: str,
    mirrors: tuple[str, ...],
    offline: bool,
) -> None:
    """Build the image of a keep that is a virtual machine, from inputs that are known by hash.

    A kernel, an initial RAM disk with Python and the keep, firmware, a bill of materials. The same
    inputs give the same bytes, so whoever builds can compare what a release or a host measures.
    Debian's packages are fetched from the archives that this system's apt uses, wheels through pip.
    """
    from enarx.adapters.image_folder import default_folder, write_folder
    from enarx.cli.exit import report_note, report_warning

    pinned = _read_lock(lock)
    _check_compressor(pinned)
    place = output or default_folder(os.environ)
    given = _given_firmware(firmware)
    sources = _sources(inputs, mirrors, offline=offline)
    files = _build(pinned, sources, given, debug_console=debug_console)
    if debug_console:
        report_warning("INSECURE: this image tells its host what its kernel does")
    write_folder(place, files, replace=replace)
    if as_json:
        click.echo(files["image.json"].decode(), nl=False)
        return
    report_note(f"{place} holds the image")
    for name, data in sorted(files.items()):
        click.echo(f"{_sha256(data)}  {len(data):>9}  {name}")


@click.command("lock")
@click.option("-o", "--output", metavar="FILE", required=True, help="New file.")
@_LOCK
def lock_command(*, output: str, lock: str) -> None:
    """Pin what an image is made of anew: the releases that this system's apt offers now.

    For a builder whose archive has no longer what our lock names. An image of other inputs
    measures something else than ours, so its owners need its reference values.
    """
    from enarx.adapters.apt_releases import repinned
    from enarx.adapters.package_files import write_new
    from enarx.cli.exit import report_note
    from enarx.image.inputs import write

    before = _read_lock(lock)
    after = repinned(before)
    write_new(output, write(after).encode())
    old = {each.name: each.release for each in before.inputs}
    for each in after.inputs:
        if old.get(each.name) != each.release:
            report_note(f"{each.name}: {old.get(each.name, 'none')} to {each.release}")


def _read_lock(path: str) -> Lock:
    from importlib import resources

    from enarx.adapters.package_files import read_file
    from enarx.image.inputs import parse

    if path:
        return parse(read_file(path, 1 << 20), path)
    ours = resources.files("enarx.image") / "inputs.toml"
    return parse(ours.read_bytes(), "inputs.toml")


def _check_compressor(lock: Lock) -> None:
    """Another release of the library that compresses gives other bytes."""
    import zstandard

    got = ".".join(map(str, zstandard.ZSTD_VERSION))
    if got != lock.zstd:
        hint = "install the release of zstandard that requirements/runtime.txt pins"
        raise MisconfiguredError("zstandard", f"got zstd {got}, want {lock.zstd}", hints=(hint,))


def _sources(folder: str, mirrors: tuple[str, ...], *, offline: bool) -> Inputs:
    from enarx.adapters.image_inputs import Inputs
    from enarx.adapters.private_files import base_directory
    from enarx.cli.exit import report_note

    named = {}
    for text in mirrors:
        name, found, address = text.partition("=")
        if not found or not address.startswith(("http://", "https://")):
            raise MisconfiguredError("--mirror", f"got {text[:80]!r}, want NAME=URL")
        named[name] = address
    cache = Path(base_directory(os.environ, "XDG_CACHE_HOME", ".cache"), "enarx", "inputs")
    return Inputs(cache, folder=folder, mirrors=named, offline=offline, tell=report_note)


def _given_firmware(options: tuple[str, ...]) -> Mapping[str, bytes]:
    from enarx.adapters.package_files import read_file
    from enarx.image.image import FIRMWARE
    from enarx.measure.guid_table import MAX_BYTES

    given = {}
    for text in options:
        platform, found, path = text.partition("=")
        if not found or platform not in FIRMWARE:
            want = f"want one of {', '.join(FIRMWARE)}, then =FILE"
            raise MisconfiguredError("--firmware", f"got {text[:80]!r}, {want}")
        given[platform] = read_file(path, MAX_BYTES)
    return given


def _build(
    lock: Lock, sources: Inputs, firmware: Mapping[str, bytes], *, debug_console: bool
) -> Mapping[str, bytes]:
    from enarx.adapters.image_bytecode import compiler
    from enarx.adapters.keep_image import read_own
    from enarx.cli.exit import report_note
    from enarx.image import contents, image

    inputs = contents.unpacked(sources.read(lock.inputs))
    compile_all = compiler(contents.interpreter(inputs))
    found = contents.contents(inputs, read_own(), compile_all)
    report_note(f"compressing {len(found.tree)} files")
    files = image.build(
        found,
        tuple(inputs),
        version=__version__,
        firmware=firmware,
        debug_console=debug_console,
    )
    _check_measurable(files)
    return files


def _check_measurable(files: Mapping[str, bytes]) -> None:
    """Refuse an image of which somebody could not say what it measures."""
    from enarx.image import image, references
    from enarx.measure.snp_guest import Boot

    manifest = image.parse_manifest(files[image.MANIFEST], image.MANIFEST)
    boot = Boot(
        kernel=files[image.KERNEL],
        initrd=files[image.INITRD],
        command_line=manifest.command_line,
    )
    for platform in references.PLATFORMS:
        name = references.firmware_of(platform)
        if name in files:
            references.references(manifest, platform, boot, files[name], counts=(1,))


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


for _option in reversed(_SOURCES):
    build = _option(build)

"""The tree of a keep image: every file, and which input it is from.

Python is in it compiled, without sources: it starts in half the time, and whoever has the inputs
compiles the same.  Compiling takes the image's own interpreter, so it is the caller's.
"""

from __future__ import annotations

import lzma
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError, MisconfiguredError
from enarx.image import recipe
from enarx.image.archive import File, Link
from enarx.image.inputs import with_roles
from enarx.image.packages import read_deb, read_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from enarx.image.inputs import Input

    Files = Mapping[str, File | Link]
    Compile = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
    """Sources by name to compiled modules by the same names."""

OWN = "enarx"
"""The origin of what is this package's own."""

_MAX_LINKS = 8
_MODULE_MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in an image.

    Args:
        tree: of the initial RAM disk.
        origins: the name of the input that each file is from.
        kernel: the kernel's image.
        firmware: by platform ("vm", "snp", "tdx"), as far as there was an input.
    """

    tree: Mapping[str, File | Link | None]
    origins: Mapping[str, str]
    kernel: bytes
    firmware: Mapping[str, bytes]


def unpacked(inputs: Mapping[Input, bytes]) -> Mapping[Input, Files]:
    """The files of every input, whose hashes the caller has checked.

    Raises:
        MalformedError: one is not what it should be.
    """
    return {
        each: read_deb(data, each.name) if each.kind == "deb" else read_wheel(data, each.file)
        for each, data in inputs.items()
    }


def interpreter(inputs: Mapping[Input, Files]) -> Mapping[str, File | Link]:
    """The image's interpreter with all of its standard library, to compile with.

    Raises:
        MalformedError: an input is not what it should be.
    """
    tree: dict[str, File | Link] = {}
    for each in with_roles(inputs, "interpreter"):
        tree |= {
            name: file
            for name, file in inputs[each].items()
            if name.startswith(recipe.STANDARD_LIBRARY)
        }
    for taken in (_programs(inputs), _shared_objects(inputs)):
        tree |= {name: file for name, file, _ in taken}
    return tree


def contents(
    inputs: Mapping[Input, Files], ours: Mapping[str, bytes], compile_all: Compile
) -> Contents:
    """Put an image together.

    Args:
        inputs: as ``unpacked`` gives them.
        ours: this package's files by their names in it, such as "keep/boot.py".

    Raises:
        MalformedError: an input is not what it should be.
        MisconfiguredError: an input that is needed is not among them.
    """
    taken = [*_programs(inputs), *_shared_objects(inputs), *_wheels(inputs), *_modules(inputs)]
    sources: dict[str, tuple[bytes, str]] = {}
    tree: dict[str, File | Link | None] = {}
    origins: dict[str, str] = {}
    for name, file, origin in (*taken, *_standard_library(inputs), *_own(ours)):
        if name.endswith(".py"):
            sources[name] = (file.data, origin)
        else:
            tree[name], origins[name] = file, origin
    compiled = compile_all({name: data for name, (data, _) in sources.items()})
    for name, (_, origin) in sources.items():
        tree[f"{name}c"], origins[f"{name}c"] = File(compiled[name]), origin
    tree["init"] = File(recipe.INIT.encode(), executable=True)
    origins["init"] = OWN
    tree |= dict.fromkeys(recipe.FOLDERS)
    tree |= {name: Link(target) for name, target in recipe.LINKS.items()}
    return Contents(
        tree=tree, origins=origins, kernel=_kernel(inputs), firmware=dict(_firmware(inputs))
    )


def _own(ours: Mapping[str, bytes]) -> Iterator[tuple[str, File, str]]:
    for name, data in ours.items():
        if name.split("/")[0] in recipe.OURS and name.endswith(".py"):
            yield f"{recipe.SITE}/enarx/{name}", File(data), OWN


def _programs(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, File, str]]:
    libc, files = _package(inputs, "libc6")
    name = recipe.LOADER.rpartition("/")[2]
    yield recipe.LOADER, _library(files, name, libc.name), libc.name
    for each in with_roles(inputs, "interpreter"):
        found = inputs[each].get(recipe.INTERPRETER)
        if isinstance(found, File):
            yield recipe.INTERPRETER, found, each.name


def _shared_objects(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, File, str]]:
    for package, names in recipe.SHARED_OBJECTS.items():
        each, files = _package(inputs, package)
        for name in names:
            yield f"{recipe.LIBRARY_FOLDER}/{name}", _library(files, name, each.name), each.name


def _library(files: Files, name: str, where: str) -> File:
    """The file behind the name of a shared object, links followed."""
    for folder in (recipe.LIBRARY_FOLDER, recipe.LIBRARY_FOLDER.removeprefix("usr/")):
        path = f"{folder}/{name}"
        for _ in range(_MAX_LINKS):
            found = files.get(path)
            if isinstance(found, File):
                return File(found.data, executable=True)
            if found is None:
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), found.target))
    raise MalformedError(where, f"has no {name}")


def _standard_library(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, File, str]]:
    for each in with_roles(inputs, "interpreter"):
        for name, file in inputs[each].items():
            inner = name.removeprefix(f"{recipe.STANDARD_LIBRARY}/")
            if inner != name and isinstance(file, File) and _is_wanted(inner):
                yield name, File(file.data, executable=name.endswith(".so")), each.name


def _is_wanted(name: str) -> bool:
    """Whether the keep imports this file of the standard library."""
    top, _, inner = name.partition("/")
    if top == "lib-dynload":
        return inner.partition(".")[0] in recipe.EXTENSION_MODULES
    if not name.endswith(".py") or top.removesuffix(".py") not in recipe.STANDARD_MODULES:
        return False
    if top == "encodings":
        return inner.removesuffix(".py") in recipe.ENCODINGS
    return not name.startswith(recipe.NOT_IMPORTED) and not {"test", "tests"} & set(
        inner.split("/")
    )


def _wheels(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, File, str]]:
    for each in inputs:
        if each.kind != "wheel":
            continue
        if each.name not in recipe.WHEEL_FILES:
            raise MisconfiguredError(each.name, "is an input that the recipe does not know")
        begins = recipe.WHEEL_FILES[each.name]
        for name, file in inputs[each].items():
            if isinstance(file, File) and name.startswith(begins) and _belongs(name):
                path = f"{recipe.SITE}/{name}"
                yield path, File(file.data, executable=name.endswith(".so")), each.name


def _belongs(name: str) -> bool:
    if ".dist-info/" in name:
        return name.endswith("/METADATA")
    return not name.endswith(recipe.LEFT_OUT) and "/include/" not in name


def _modules(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, File, str]]:
    each, files = _role(inputs, "kernel")
    for module in recipe.KERNEL_MODULES:
        found = [name for name in files if name.rpartition("/")[2] == f"{module}.ko.xz"]
        file = files[found[0]] if len(found) == 1 else None
        if not isinstance(file, File):
            raise MalformedError(each.name, f"got {len(found)} modules {module}, want 1")
        try:
            data = lzma.LZMADecompressor().decompress(file.data, _MODULE_MAX_BYTES)
        except lzma.LZMAError as error:
            raise MalformedError(each.name, f"module {module} is damaged: {error}") from error
        yield f"{recipe.MODULES}/{module}.ko", File(data), each.name


def _kernel(inputs: Mapping[Input, Files]) -> bytes:
    each, files = _role(inputs, "kernel")
    found = [name for name in files if name.startswith("boot/vmlinuz-")]
    file = files[found[0]] if len(found) == 1 else None
    if not isinstance(file, File):
        raise MalformedError(each.name, f"got {len(found)} kernels, want 1")
    return file.data


def _firmware(inputs: Mapping[Input, Files]) -> Iterator[tuple[str, bytes]]:
    for platform, names in recipe.FIRMWARE.items():
        for each in with_roles(inputs, f"firmware-{platform}"):
            files = inputs[each]
            found = [files[name] for name in names if isinstance(files.get(name), File)]
            if not found or not isinstance(found[0], File):
                raise MalformedError(each.name, f"has no {names[0]}")
            yield platform, found[0].data


def _role(inputs: Mapping[Input, Files], role: str) -> tuple[Input, Files]:
    found = with_roles(inputs, role)
    if len(found) != 1:
        raise MisconfiguredError("image inputs", f"got {len(found)} with the role {role}, want 1")
    return found[0], inputs[found[0]]


def _package(inputs: Mapping[Input, Files], name: str) -> tuple[Input, Files]:
    for each in inputs:
        if each.name == name and each.kind == "deb":
            return each, inputs[each]
    raise MisconfiguredError("image inputs", f"{name} is not among them")

"""The manifest of a keep in an SGX enclave: what Gramine loads, and what it may read.

The same description is the same text, byte for byte.  Every file that can be read is named with its
hash, so that MRENCLAVE, which has the manifest's hash in it, stands for all of them.  No file is
merely allowed, nothing comes from the host's environment or command line, and no enclave can be
debugged.

Source: Gramine 1.9, Documentation/manifest-syntax.rst.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_THREADS = 256
_HELPERS = 3
"""Gramine's own threads: of its IPC, of asynchronous events, and of TLS handshakes."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_WHAT = "enclave"
_MIN_SIZE_MIB = 64
_MAX_SIZE_MIB = 1 << 20
_MAX_U16 = (1 << 16) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedFile:
    """A file that may be read if it has this SHA-256, in hexadecimal; the path is absolute."""

    path: str
    sha256: str

    def __post_init__(self) -> None:
        _check_path(self.path)
        if not _SHA256.fullmatch(self.sha256):
            raise MisconfiguredError(_WHAT, f"{self.path}: got no SHA-256", path="files")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclave:
    """A keep in an enclave.

    Args:
        libos: path of Gramine's LibOS, ``libsysdb.so``.
        runtime: directory of Gramine's C library, which is mounted as /lib.
        entrypoint: path of the interpreter, one of *files* or a link to one.
        argv: of the interpreter, its own name first.
        directories: where *files* are, each mounted under its own name.
        libraries: those of them where shared objects are looked for, after /lib.
        size_mib: a power of two; all of it is added before the start, so that it is measured.
        threads: of the keep.
        isv_prod_id, isv_svn: of the SIGSTRUCT.

    Raises:
        MisconfiguredError: there is no such enclave.
    """

    libos: str
    runtime: str
    entrypoint: str
    argv: tuple[str, ...]
    files: tuple[TrustedFile, ...]
    directories: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    size_mib: int = 1024
    threads: int = 8
    isv_prod_id: int = 0
    isv_svn: int = 0

    def __post_init__(self) -> None:
        for path in (self.libos, self.runtime, self.entrypoint, *self.directories):
            _check_path(path)
        _within("threads", self.threads, 1, MAX_THREADS)
        _within("size_mib", self.size_mib, _MIN_SIZE_MIB, _MAX_SIZE_MIB)
        _within("isv_prod_id", self.isv_prod_id, 0, _MAX_U16)
        _within("isv_svn", self.isv_svn, 0, _MAX_U16)
        if self.size_mib & (self.size_mib - 1):
            problem = f"got {self.size_mib}, want a power of two"
            raise MisconfiguredError(_WHAT, problem, path="size_mib")
        if not set(self.libraries) <= set(self.directories):
            raise MisconfiguredError(_WHAT, "want some of the directories", path="libraries")
        if not self.argv or not all(map(_is_plain, self.argv)):
            raise MisconfiguredError(_WHAT, "want printable words, at least one", path="argv")
        paths = [file.path for file in self.files]
        if not paths or len(set(paths)) != len(paths):
            raise MisconfiguredError(_WHAT, "want each file once, at least one", path="files")


def text(enclave: Enclave) -> str:
    """The manifest, as ``gramine-sgx-sign`` reads it."""
    return "\n".join(_lines(enclave)) + "\n"


def _lines(enclave: Enclave) -> Iterator[str]:
    yield f"loader.entrypoint.uri = {_uri(enclave.libos)}"
    yield f"libos.entrypoint = {_quoted(enclave.entrypoint)}"
    yield f"loader.argv = [{', '.join(map(_quoted, enclave.argv))}]"
    yield f"loader.env.LD_LIBRARY_PATH = {_quoted(':'.join(('/lib', *enclave.libraries)))}"
    yield 'loader.log_level = "error"'
    yield "sys.disallow_subprocesses = true"
    yield "fs.mounts = ["
    yield f'  {{ path = "/lib", uri = {_uri(enclave.runtime)} }},'
    for directory in sorted(set(enclave.directories)):
        yield f"  {{ path = {_quoted(directory)}, uri = {_uri(directory)} }},"
    yield '  { type = "tmpfs", path = "/tmp" },'
    yield "]"
    yield "sgx.debug = false"
    yield "sgx.edmm_enable = false"
    yield 'sgx.remote_attestation = "dcap"'
    yield 'sgx.file_check_policy = "strict"'
    yield f'sgx.enclave_size = "{enclave.size_mib}M"'
    yield f"sgx.max_threads = {enclave.threads + _HELPERS}"
    yield f"sgx.isvprodid = {enclave.isv_prod_id}"
    yield f"sgx.isvsvn = {enclave.isv_svn}"
    yield "sgx.trusted_files = ["
    for file in sorted(enclave.files, key=lambda file: file.path):
        yield f'  {{ uri = {_uri(file.path)}, sha256 = "{file.sha256}" }},'
    yield "]"


def _uri(path: str) -> str:
    return _quoted(f"file:{path}")


def _quoted(value: str) -> str:
    """A basic string of TOML, which escapes what JSON does, as JSON does."""
    return json.dumps(value)


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _check_path(path: str) -> None:
    if not path.startswith("/") or not _is_plain(path) or "/../" in f"{path}/":
        problem = f"got {path[:80]!r}, want an absolute path in ASCII"
        raise MisconfiguredError(_WHAT, problem, path="path")


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise MisconfiguredError(_WHAT, f"got {value}, want {least} to {most}", path=name)

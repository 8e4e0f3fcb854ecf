"""Measure and sign an enclave with Gramine's own tool, and read what it measures.

Nothing is started here: a keep's links are SEQPACKET sockets that carry descriptors, which Gramine
does not have, so that running one is not built yet.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass

from enarx.errors import Failure, UnacceptableError, UnavailableError
from enarx.host.gramine.manifest import Enclave, TrustedFile, text
from enarx.measure import sigstruct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.host.machine import Machine

PROGRAM = "gramine-sgx-sign"

_TIMEOUT_S = 600.0
_MAX_ERROR = 300
_HINT = "install Gramine 1.9 or later: https://gramine.readthedocs.io, section Installation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed enclave.

    Args:
        manifest: as the enclave reads it, which has the hash that MRENCLAVE has in it.
        sigstruct: 1808 bytes; its signature was verified.
        mr_enclave, mr_signer: what evidence of this enclave says.
    """

    manifest: bytes
    sigstruct: bytes
    mr_enclave: bytes
    mr_signer: bytes


def trusted(paths: Iterable[str]) -> tuple[TrustedFile, ...]:
    """The files at *paths*, with the hashes that they have now.

    Raises:
        UnavailableError: one cannot be read.
    """
    return tuple(TrustedFile(path=path, sha256=_hash(path)) for path in sorted(set(paths)))


def sign(machine: Machine, enclave: Enclave, key: str, *, date: str = "0000-00-00") -> Signed:
    """Have *enclave* measured and signed.

    Args:
        key: path of an RSA key of 3072 bits with exponent 3.
        date: of the SIGSTRUCT; the same at every call, so that the same enclave is the same bytes.

    Raises:
        MalformedError: what came of it is no SIGSTRUCT.
        UnacceptableError: it lets an enclave be debugged.
        UnauthenticError: its signature does not verify.
        UnavailableError: Gramine is not installed, or its tool fails.
    """
    program = machine.program(PROGRAM)
    if not program:
        raise UnavailableError(PROGRAM, "is not installed", hints=(_HINT,))
    with tempfile.TemporaryDirectory(prefix="enarx-gramine-") as directory:
        names = {name: os.path.join(directory, name) for name in ("in", "manifest", "sig")}
        with open(names["in"], "w", encoding="ascii") as file:
            file.write(text(enclave))
        _run(
            *(program, "--manifest", names["in"], "--output", names["manifest"]),
            *("--sigfile", names["sig"], "--key", key, "--date", date),
        )
        return _signed(_read(names["manifest"]), _read(names["sig"]))


def _signed(manifest: bytes, data: bytes) -> Signed:
    found = sigstruct.verify(data)
    if found.allows_debug:
        failure = Failure("sgx.debug", want="false", got="true")
        raise UnacceptableError("the rule for enclaves", failure)
    return Signed(
        manifest=manifest,
        sigstruct=data,
        mr_enclave=found.mr_enclave,
        mr_signer=found.mr_signer,
    )


def _run(*argv: str) -> None:
    try:
        subprocess.run(argv, capture_output=True, timeout=_TIMEOUT_S, check=True)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        problem = f"ended with status {error.returncode}: {said[:_MAX_ERROR]}"
        raise UnavailableError(PROGRAM, problem) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(PROGRAM, "did not run to its end") from error


def _hash(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnavailableError(path, (error.strerror or "cannot be read").lower()) from error


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnavailableError(PROGRAM, "wrote no output") from error

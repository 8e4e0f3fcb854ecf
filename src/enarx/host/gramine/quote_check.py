"""An enclave that does nothing but quote: does Gramine, here, measure what was signed?

For a host with SGX and Gramine; packaging/hardware_check.py runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from enarx.errors import MalformedError, UnavailableError
from enarx.host.gramine.manifest import Enclave
from enarx.host.gramine.sign import sign, trusted
from enarx.measure.sigstruct import EXPONENT
from enarx.tee.sgx.evidence import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.host.machine import Machine

LIBRARIES = ("/usr/lib/x86_64-linux-gnu/gramine", "/usr/local/lib/x86_64-linux-gnu/gramine")
"""Where packages of Gramine and builds of it put their libraries."""

_RUN = "gramine-sgx"
_NAME = "quote"
_TIMEOUT_S = 600.0
_KEY_BITS = 3072
_QUOTE = (
    "open('/dev/attestation/user_report_data','wb').write(bytes(64));"
    "print(open('/dev/attestation/quote','rb').read().hex())"
)


def run(machine: Machine, folder: str) -> tuple[bytes, bytes]:
    """MRENCLAVE of an enclave as it was signed, and as it quotes; the quote is not verified.

    Args:
        folder: empty, for the enclave's files.

    Raises:
        EnarxError: Gramine is not installed, or fails, or gives no quote.
    """
    enclave = _enclave(_libraries(machine))
    key = os.path.join(folder, "key.pem")
    _write(key, _key())
    signed = sign(machine, enclave, key)
    _write(os.path.join(folder, f"{_NAME}.manifest.sgx"), signed.manifest)
    _write(os.path.join(folder, f"{_NAME}.sig"), signed.sigstruct)
    return signed.mr_enclave, parse(_quote(machine, folder)).report.mr_enclave


def _libraries(machine: Machine) -> str:
    for place in LIBRARIES:
        if machine.exists(f"{place}/libsysdb.so"):
            return place
    raise UnavailableError("Gramine", "has no libsysdb.so", hints=(f"want it in {LIBRARIES[0]}",))


def _enclave(gramine: str) -> Enclave:
    """This Python with its standard library and what it has loaded, and Gramine's C library."""
    python, standard = os.path.realpath(sys.executable), sysconfig.get_path("stdlib")
    runtime = f"{gramine}/runtime/glibc"
    loaded = {path for path in _loaded() if not path.startswith(standard)}
    files = {python, *loaded, *_files(standard), *_files(runtime), f"{gramine}/libsysdb.so"}
    libraries = tuple(sorted({os.path.dirname(path) for path in loaded}))
    return Enclave(
        libos=f"{gramine}/libsysdb.so",
        runtime=runtime,
        entrypoint=python,
        argv=("python3", "-I", "-S", "-c", _QUOTE),
        files=trusted(files),
        directories=tuple({os.path.dirname(python), standard, *libraries}),
        libraries=libraries,
    )


def _loaded() -> Iterator[str]:
    """Shared objects in this process, but for the C library's loader."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file:
            path = line.rstrip("\n").partition("/")[2]
            if ".so" in path:
                yield f"/{path}"


def _files(folder: str) -> Iterator[str]:
    """Every file below *folder* that holds code."""
    for place, _, names in os.walk(folder):
        yield from (os.path.join(place, n) for n in names if n.endswith(".py") or ".so" in n)


def _key() -> bytes:
    key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=_KEY_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _quote(machine: Machine, folder: str) -> bytes:
    program = machine.program(_RUN)
    if not program:
        raise UnavailableError(_RUN, "is not installed")
    try:
        done = subprocess.run(
            (program, _NAME), cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=True
        )
        return bytes.fromhex(done.stdout.decode("ascii").strip())
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(_RUN, "the enclave did not run to its end") from error
    except ValueError as error:
        raise MalformedError(_RUN, "the enclave printed no quote") from error


def _write(path: str, data: bytes) -> None:
    with open(path, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(data)

"""``enarx image measure --platform sgx``: an enclave's stream, its author's signature, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.cli.image_measure import Inputs, Measured
from enarx.errors import MisconfiguredError
from enarx.measure import sgxs, sigstruct
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from enarx.measure.sigstruct import Sigstruct

_MAX_STREAM_BYTES = 1024 * 1024 * 1024
_NOT_SIGNED = "no SIGSTRUCT was given"


def measure(inputs: Inputs) -> Measured:
    """MRENCLAVE, and what a verified SIGSTRUCT says.

    Raises:
        MisconfiguredError: neither was given, or they are of different enclaves.
    """
    if not inputs.sgxs and not inputs.sigstruct:
        raise MisconfiguredError("--sgxs and --sigstruct", "are both missing: give one at least")
    enclave, signed = None, None
    if inputs.sgxs:
        enclave = sgxs.mr_enclave(read_file(inputs.sgxs, _MAX_STREAM_BYTES), inputs.sgxs)
    if inputs.sigstruct:
        data = read_file(inputs.sigstruct, sigstruct.BYTES)
        signed = sigstruct.verify(data, inputs.sigstruct)
        if enclave is not None and enclave != signed.mr_enclave:
            problem = f"signs another enclave: {signed.mr_enclave.hex()}, want {enclave.hex()}"
            raise MisconfiguredError(inputs.sigstruct, problem)
        enclave = signed.mr_enclave
    document = _document(enclave or b"", signed)
    signer: frozenset[bytes] | Unchecked = Unchecked(_NOT_SIGNED)
    if signed is not None:
        signer = frozenset({signed.mr_signer})
    return Measured(
        document=document,
        lines=tuple(f"{name:<16}{_shown(value)}" for name, value in document.items()),
        measurements={"mr_enclave": frozenset({enclave or b""}), "mr_signer": signer},
        about="An enclave",
    )


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(enclave: bytes, signed: Sigstruct | None) -> dict[str, object]:
    if signed is None:
        return {"mr_enclave": enclave.hex()}
    return {
        "mr_enclave": enclave.hex(),
        "mr_signer": signed.mr_signer.hex(),
        "isv_prod_id": signed.isv_prod_id,
        "isv_svn": signed.isv_svn,
        "flags": f"0x{int(signed.flags):x}",
        "flags_mask": f"0x{signed.flags_mask:x}",
        "xfrm": f"0x{signed.xfrm:x}",
        "xfrm_mask": f"0x{signed.xfrm_mask:x}",
        "allows_debug": signed.allows_debug,
        "signed_on": None if signed.signed_on is None else signed.signed_on.isoformat(),
    }

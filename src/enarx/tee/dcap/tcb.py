"""The platform-neutral claim about the TCB, from a verdict."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from enarx.tee.claims import Tcb

if TYPE_CHECKING:
    from enarx.tee.dcap.proof import QuoteProof
    from enarx.tee.dcap.status import TcbVerdict


def tcb_claim(proof: QuoteProof, verdict: TcbVerdict, tdx: bytes = b"") -> Tcb:
    """The claim.

    Components are ``sgx_01`` to ``sgx_16``, ``pce``, ``qe``, and of TDX ``tdx_01`` to ``tdx_16``.

    Args:
        tdx: TEE TCB SVN of the module that launched the trust domain; empty for SGX.
    """
    pck = proof.pck
    components = dict(zip(_SGX, pck.components, strict=True))
    components |= {"pce": pck.pce_svn, "qe": proof.quote.qe.isv_svn}
    components |= dict(zip(_TDX, tdx, strict=False))
    return Tcb(
        status=verdict.status,
        date=verdict.date,
        evaluation_number=proof.trusted.evaluation_number,
        advisories=verdict.advisories,
        components=MappingProxyType(components),
    )


_SGX = tuple(f"sgx_{number:02}" for number in range(1, 17))
_TDX = tuple(f"tdx_{number:02}" for number in range(1, 17))

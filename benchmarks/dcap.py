"""How many TDX and SGX quotes are verified in a second on one core, by us and by dcap-qvl (Rust).

Both get the same recorded quote, the same collateral and the same instant, as bytes in memory, in
turns.  With collateral verified before, ours is what every quote of a platform model costs after
the first: parsing the quote, its PCK certificate's extensions, issuer, dates and revocation, the
signatures of certificate, quoting enclave and quote, QE identity and TCB status.  dcap-qvl has no
such state in its interface: each of its calls reads and verifies the collateral that it is handed,
so that the other figure, in which we do the same, compares equal work.  Both results answer
questions about single fields lazily, and none is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from bench import alternate, needs, pinned
from figures import Budget, Figure, at_least, medians
from recorded import Recorded, rate, recorded

from enarx.attestation import VENDOR_ANCHORS
from enarx.tee.dcap.signed_json import split
from enarx.tee.sgx import evidence as sgx_evidence
from enarx.tee.sgx import verify as sgx_verify
from enarx.tee.tdx import evidence as tdx_evidence
from enarx.tee.tdx import verify as tdx_verify

ROUNDS = 9
CORE = 1
RUST = "dcap-qvl"


def tdx() -> Iterator[Figure]:
    """TDX quotes (version 4) a second on one core, against dcap-qvl, which keeps no collateral."""
    vector = recorded(
        "tdx/tdx-v4-phala-sample", "quote.bin", "2025-07-04T10:16:31Z", "collateral-1"
    )
    yield from _compared(vector, tdx_evidence, tdx_verify, at_least(1.0))


def sgx() -> Iterator[Figure]:
    """SGX quotes (version 3) a second on one core, against dcap-qvl, which keeps no collateral."""
    vector = recorded("sgx/sgx-phala-sample", "quote.bin", "2025-06-23T02:51:18Z", "collateral-1")
    yield from _compared(vector, sgx_evidence, sgx_verify, None)


def _compared(
    vector: Recorded, evidence: ModuleType, verify: ModuleType, budget: Budget | None
) -> Iterator[Figure]:
    """Both of ours beside theirs, of the same rounds."""
    parse, raw, now = evidence.parse, vector.data, vector.now
    trusted = verify.trust(parse(raw), vector.endorsements, VENDOR_ANCHORS, now)

    def cached() -> object:
        return verify.authenticate_with(parse(raw), trusted, now)

    def whole() -> object:
        return verify.authenticate(parse(raw), vector.endorsements, VENDOR_ANCHORS, now)

    theirs = _peer(vector)
    assert cached().claims.tcb.status == whole().claims.tcb.status == theirs().status
    with pinned(CORE):
        columns = alternate(ROUNDS, rate(cached), rate(theirs), rate(whole))
    ours, peer, nothing = medians(*columns)
    for what, figure, bound in (
        ("collateral verified before", ours, budget),
        ("nothing verified before", nothing, None),
    ):
        yield Figure(what=what, unit="/s", ours=figure, theirs=peer, competitor=RUST, budget=bound)


def _peer(vector: Recorded) -> Callable[[], Any]:
    """One verification by dcap-qvl, with its collateral object made before."""
    needs("dcap_qvl")
    import dcap_qvl

    folder = vector.folder / vector.collateral
    tcb_info = split((folder / "tcb_info.json").read_bytes(), "tcbInfo", "TCB info")
    identity = split((folder / "qe_identity.json").read_bytes(), "enclaveIdentity", "QE identity")
    signer = (folder / "tcb_signing_chain.pem").read_text()
    collateral = dcap_qvl.QuoteCollateralV3(
        pck_crl_issuer_chain=(folder / "pck_crl_issuer_chain.pem").read_text(),
        root_ca_crl=(folder / "root_ca_crl.der").read_bytes(),
        pck_crl=(folder / "pck_crl.der").read_bytes(),
        tcb_info_issuer_chain=signer,
        tcb_info=tcb_info.body.decode(),
        tcb_info_signature=tcb_info.signature,
        qe_identity_issuer_chain=signer,
        qe_identity=identity.body.decode(),
        qe_identity_signature=identity.signature,
    )
    return lambda: dcap_qvl.verify(vector.data, collateral, vector.at)

"""``python dcap_qvl_alone.py QUOTE COLLATERAL SECONDS``: verifies with dcap-qvl, nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dcap_qvl


def body(data: bytes, key: str) -> str:
    """The signed text of collateral: what stands between its key and its signature."""
    text = data.decode()
    begin = text.index(f'"{key}":') + len(key) + 3
    return text[begin : text.rindex(',"signature"')]


quote, folder, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
tcb_info = (folder / "tcb_info.json").read_bytes()
identity = (folder / "qe_identity.json").read_bytes()
signer = (folder / "tcb_signing_chain.pem").read_text()
collateral = dcap_qvl.QuoteCollateralV3(
    pck_crl_issuer_chain=(folder / "pck_crl_issuer_chain.pem").read_text(),
    root_ca_crl=(folder / "root_ca_crl.der").read_bytes(),
    pck_crl=(folder / "pck_crl.der").read_bytes(),
    tcb_info_issuer_chain=signer,
    tcb_info=body(tcb_info, "tcbInfo"),
    tcb_info_signature=bytes.fromhex(json.loads(tcb_info)["signature"]),
    qe_identity_issuer_chain=signer,
    qe_identity=body(identity, "enclaveIdentity"),
    qe_identity_signature=bytes.fromhex(json.loads(identity)["signature"]),
)
print(dcap_qvl.verify(quote.read_bytes(), collateral, seconds).status)

"""Needs for people and for caches: what each is called, and a key that tells it from others."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256

from enarx.tee.endorsements import (
    AmdChainNeed,
    AmdCrlNeed,
    IntelRootCrlNeed,
    Need,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
    VekNeed,
)

_KEY_DIGITS = 32
_NAMES: dict[type[Need], str] = {
    AmdChainNeed: "amd-chain",
    AmdCrlNeed: "amd-crl",
    IntelRootCrlNeed: "intel-root-crl",
    PckCrlNeed: "pck-crl",
    PckNeed: "pck",
    QeIdentityNeed: "qe-identity",
    TcbInfoNeed: "tcb-info",
    VekNeed: "vek",
}


def title_of(need: Need) -> str:
    """What *need* asks for, in a few words."""
    match need:
        case VekNeed():
            chip = f" of chip {need.hwid.hex()[:16]}…" if need.hwid else ""
            return f"{need.signer.upper()}{chip} ({_products(need.products)}; {_tcb(need)})"
        case AmdChainNeed():
            names = "ASK and ARK" if need.signer == "vcek" else "ASVK and ARK"
            return f"{names} of {_products(need.products)}"
        case AmdCrlNeed():
            return f"{need.signer.upper()} revocation list of {_products(need.products)}"
        case TcbInfoNeed():
            return f"{need.tee.upper()} TCB info of FMSPC {need.fmspc.hex()}"
        case QeIdentityNeed():
            return f"{need.tee.upper()} QE identity"
        case PckCrlNeed():
            return f"revocation list of Intel's PCK {need.ca} CA"
        case IntelRootCrlNeed():
            return "revocation list of Intel's SGX root CA"
        case PckNeed():
            return f"PCK certificate for CPU SVN {need.cpu_svn.hex()}, PCE SVN {need.pce_svn}"


def key_of(need: Need, variant: str) -> str:
    """A file name that is *need*'s alone.

    Args:
        variant: what else changes the answer ("update=early"); empty for nothing.
    """
    fields = {"need": _NAMES[type(need)], "variant": variant, **asdict(need)}
    text = json.dumps(fields, sort_keys=True, default=bytes.hex)
    return f"{_NAMES[type(need)]}-{sha256(text.encode()).hexdigest()[:_KEY_DIGITS]}"


def reveals_others(need: Need) -> bool:
    """Whether the answer tells what else is needed: a leaf names its issuer and its platform."""
    return isinstance(need, VekNeed | PckNeed)


def _products(products: tuple[str, ...]) -> str:
    return " or ".join(products)


def _tcb(need: VekNeed) -> str:
    levels = (", ".join(f"{name} {value}" for name, value in tcb) for tcb in need.tcb)
    return " or ".join(dict.fromkeys(levels))

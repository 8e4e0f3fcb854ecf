"""Roots that an operator believes beside the vendors': a file's, and simulated machines'."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.errors import MalformedError, MisconfiguredError
from enarx.tee.anchors import MARK, TrustAnchor
from enarx.tee.x509 import common_name, load_certificate, subject_public_key_info
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from enarx.tee.anchors import Vendor

_OPTION = "--trust-root"
_MAX_BYTES = 64 * 1024
_WITHOUT_CERTIFICATES = "arm"
_HINT = "give a root certificate in PEM; for Arm CCA the platform's public key (CPAK) in PEM"


def read_trust_root(path: str, vendor: Vendor) -> TrustAnchor:
    """The root in the file *path*, which may vouch for *vendor*'s evidence from then on.

    A root whose name says SIMULATED stays one of simulations, whoever names it.

    Raises:
        MisconfiguredError: there is no such file, or no root in it that *vendor* could have.
    """
    try:
        label, der = _one_block(path)
        if label == "CERTIFICATE" and vendor != _WITHOUT_CERTIFICATES:
            return _of_certificate(der, path, vendor)
        if label == "PUBLIC KEY" and vendor == _WITHOUT_CERTIFICATES:
            return TrustAnchor(vendor=vendor, name=Path(path).name, spki=der, subject="")
    except MalformedError as e:
        raise MisconfiguredError(_OPTION, str(e), hints=(_HINT,)) from e
    problem = f"got {path} with a {label.lower()}, which is no root of {vendor}'s"
    raise MisconfiguredError(_OPTION, problem, hints=(_HINT,))


def simulated_roots() -> tuple[TrustAnchor, ...]:
    """The development root of this user's simulated machines; made if there is none yet.

    Raises:
        MisconfiguredError: it is damaged, or others have access to it.
        UnavailableError: it cannot be used.
    """
    from enarx.adapters.simulated_root import default_directory, load

    return load(default_directory(os.environ)).anchors()


def _one_block(path: str) -> tuple[str, bytes]:
    blocks = pem_blocks(read_file(path, _MAX_BYTES), path)
    if len(blocks) != 1:
        raise MalformedError(path, f"got {len(blocks)} PEM blocks, want 1")
    return blocks[0]


def _of_certificate(der: bytes, path: str, vendor: Vendor) -> TrustAnchor:
    certificate = load_certificate(der, path)
    name = common_name(certificate.subject)
    return TrustAnchor(
        vendor=vendor,
        name=name,
        spki=subject_public_key_info(certificate),
        subject=certificate.subject.rfc4514_string(),
        simulated=name.startswith(MARK),
    )

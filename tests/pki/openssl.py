"""What OpenSSL, which shares no code with us that builds certificates, says about them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from enarx.wire.text import to_pem


def verify(
    folder: Path,
    certificate: bytes,
    anchors: tuple[bytes, ...],
    between: tuple[bytes, ...] = (),
    *options: str,
    crls: tuple[bytes, ...] = (),
) -> str:
    """What ``openssl verify`` prints: "leaf: OK", or why not.

    Args:
        folder: for its files.
        certificate: DER, like all others.
        anchors: what is trusted.
        between: what is not, but may be on the way.
        options: further ones of ``openssl verify``.
        crls: lists of revoked certificates.
    """
    files = {
        "anchors": [*(("CERTIFICATE", der) for der in anchors), *(("X509 CRL", d) for d in crls)],
        "between": [("CERTIFICATE", der) for der in between],
        "leaf": [("CERTIFICATE", certificate)],
    }
    for name, blocks in files.items():
        (folder / name).write_bytes(b"".join(to_pem(label, der) for label, der in blocks))
    untrusted = ["-untrusted", "between"] if between else []
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore",
         "-CAfile", "anchors", *untrusted, *options, "leaf"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (done.stdout + done.stderr).strip()

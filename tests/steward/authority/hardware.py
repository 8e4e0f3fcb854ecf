"""An authority whose keys are in a token: run by ``test_pkcs11.py`` as a process of its own.

    python hardware.py MODULE LABEL PIN DIRECTORY KIND

A module is loaded for the life of a process, and reads its configuration once.  Prints what was
made as PEM: a certificate from before a rotation and its chain, one from after, and its chain.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.pki.crl import Entry
from enarx.pki.issue import Leaf
from enarx.steward.authority.authority import Authority, load
from enarx.steward.authority.making import Wanted, initialise, roll_root
from enarx.steward.authority.opener import Opener
from enarx.steward.authority.state import Module
from enarx.steward.authority.wrapping import SealingKey
from enarx.wire.text import to_pem

NOW = datetime.now(UTC).replace(microsecond=0)
THREADS, EACH = 8, 25


def leaf() -> Leaf:
    """What a keep wants."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return Leaf(
        spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        serial=1,
        not_before=NOW - timedelta(minutes=5),
        not_after=NOW + timedelta(hours=12),
        spiffe_id="spiffe://enarx.local/workload/shop",
    )


def issue_from_threads(authority: Authority) -> None:
    """Many threads share one token, and each certificate is signed right."""
    wanted, issuer = leaf(), x509.load_der_x509_certificate(authority.chain[0])

    def work(number: int) -> None:
        for at in range(EACH):
            made = authority.issue(replace(wanted, serial=1 + number * EACH + at))
            x509.load_der_x509_certificate(made).verify_directly_issued_by(issuer)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def must_be_unreadable(module: Module) -> None:
    """No private key in the token can be read, even by who is logged in."""
    session = pkcs11.lib(module.path).get_token(token_label=module.token).open()
    keys = tuple(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}))
    assert keys
    for key in keys:
        assert key[pkcs11.Attribute.SENSITIVE]
        assert not key[pkcs11.Attribute.EXTRACTABLE]
        try:
            key[pkcs11.Attribute.VALUE]
        except pkcs11.exceptions.AttributeSensitive:
            continue
        raise AssertionError("read")


def main() -> None:
    """Do what the command line says."""
    path, label, pin, directory, kind = sys.argv[1:]
    module = Module(path=path, token=label)
    opener = Opener(SealingKey(b"k" * 32), pin=pin)
    initialise(directory, opener, Wanted(kind=kind, module=module), now=NOW)
    first = load(directory, opener)
    old = first.issue(leaf())
    issue_from_threads(first)
    opener.token(module)._session.close()
    second = roll_root(directory, opener, now=NOW)
    must_be_unreadable(module)
    new = second.issue(leaf())
    lists = second.crls([Entry(1, NOW)], number=1, now=NOW)
    blocks = [to_pem("CERTIFICATE", der) for der in (old, *first.chain, new, *second.chain)]
    blocks += [to_pem("X509 CRL", der) for der in lists.values()]
    sys.stdout.buffer.write(b"".join(blocks))


if __name__ == "__main__":
    main()

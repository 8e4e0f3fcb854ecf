"""How many SEV-SNP reports are verified in a second on one core, by us and by go-sev-guest.

Both verify the same recorded report with the same certificates as of the same instant.  The
competitor, in Go, verifies the whole chain each time, which is our "nothing known"; its interface
has no state between reports.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import BUILT, HERE, TIMEOUT_S, alternate, output, pinned, program
from figures import Figure, at_least, medians
from recorded import Recorded, rate, recorded

from enarx.attestation import VENDOR_ANCHORS
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.fitting import candidates
from enarx.tee.snp.trust import load, trust_ask, trust_vek, trust_vek_in
from enarx.tee.snp.vek import load_vek
from enarx.tee.snp.verify import authenticate, authenticate_with
from enarx.tee.x509 import common_name, load_certificate

ROUNDS = 9
CORE = 1
GO = "go-sev-guest"
PEER = HERE / "peers" / "go-sev-guest"
PEER_REPORTS = 200
CERTIFICATES = {"vcek": "SEV-VCEK", "ask": "SEV-Milan", "ark": "ARK-Milan"}


def snp() -> Iterator[Figure]:
    """SEV-SNP reports a second on one core, against go-sev-guest (the whole chain, each time)."""
    vector = recorded("snp/milan-v2-virtee", "report.bin", "2026-05-01T00:00:00Z")
    certificates = _certificates(vector)
    pool, now = load(vector.endorsements), vector.now
    vek = next(iter(candidates(parse(vector.data), pool.certificates)))
    trusted = trust_vek_in(vek, pool, VENDOR_ANCHORS, now)
    ask = load_certificate(certificates["ask"], "ASK")
    authority = trust_ask(ask, pool, VENDOR_ANCHORS, now)

    def whole() -> object:
        return authenticate(parse(vector.data), vector.endorsements, VENDOR_ANCHORS, now)

    def new_chip() -> object:
        fresh = trust_vek(load_vek(certificates["vcek"], "VCEK"), authority, now)
        return authenticate_with(parse(vector.data), fresh, now)

    def known_chip() -> object:
        return authenticate_with(parse(vector.data), trusted, now)

    peer = _peer(vector, certificates)
    with pinned(CORE):
        columns = alternate(ROUNDS, rate(whole), rate(new_chip), rate(known_chip), peer)
    nothing, cold, cached, theirs = medians(*columns)
    for what, ours, budget in (
        ("nothing known: the whole chain", nothing, None),
        ("a new chip: VCEK, below a known ASK", cold, at_least(2000, "/s")),
        ("a known chip: VCEK verified before", cached, at_least(3000, "/s")),
    ):
        yield Figure(what=what, unit="/s", ours=ours, theirs=theirs, competitor=GO, budget=budget)


def _peer(vector: Recorded, certificates: dict[str, bytes]) -> Callable[[], float]:
    """go-sev-guest, compiled here, verifying the same report with the same certificates."""
    built = BUILT / "go-sev-guest"
    if not built.exists():
        go = {**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
        command = [program("go"), "build", "-o", str(built), "."]
        subprocess.run(command, cwd=PEER, env=go, check=True, timeout=TIMEOUT_S * 3)
    files: list[Path] = []
    for name in CERTIFICATES:
        files.append(BUILT / f"{name}.der")
        files[-1].write_bytes(certificates[name])
    arguments = [vector.folder / vector.file, *files, str(vector.at), str(PEER_REPORTS), "Milan"]
    return lambda: float(output([built, *arguments]))


def _certificates(vector: Recorded) -> dict[str, bytes]:
    """VCEK, ASK and ARK of the vector, DER."""
    named = {
        common_name(load_certificate(der, "certificate").subject): der
        for der in vector.endorsements.certificates
    }
    return {name: named[subject] for name, subject in CERTIFICATES.items()}

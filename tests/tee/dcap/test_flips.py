"""One flipped bit of a quote: never a wrong accept, wherever it is.

Some bits of a quote are neither signed nor believed, and a quote with another one of these proves
exactly what it proved before.  All but one are in the text of its certificates: blanks of PEM that
become other blanks; and the certificates above the PCK certificate, which a verifier has already
(the authority's) or does not need (the root's, whose key is pinned), as long as they stay readable.
``spared`` says which bits these are, by PEM's rules alone, and what is accepted must be just that.

The one: type 5 of the certification data, a chain, becomes 7, a platform manifest, which names no
certificate.  Then the one with which the collateral was verified is tried; it is this platform's
own here, and its key made the signature.  Without such collateral the quote is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from enarx.errors import MalformedError, RejectedError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.dcap.certification import PLATFORM_MANIFEST
from enarx.tee.dcap.layout import CertificationHead
from enarx.tee.dcap.roots import ANCHORS
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx import verify as sgx
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx import verify as tdx
from enarx.tee.tdx.technology import TDX
from enarx.tee.technology import Technology
from enarx.tee.x509 import load_certificate
from enarx.wire.record import size_of

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Recorded

RECORDED = {
    "TDX version 4": "tdx-v4-phala-sample",
    "TDX version 5": "tdx-v5-google",
    "SGX version 3": "sgx-phala-sample",
}
SIMULATED = tuple(RECORDED)
DATA = b"d" * 64

Flip = tuple[int, int]
"""Byte and bit."""

BODY = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
BLANKS_IN_BODIES = b" \t\n\r\v\f"
BLANKS_BETWEEN = b" \t\n\r\0"

EVERY = 37
"""Of the flips that are tried with nothing verified before; odd, so that each bit has its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A quote that is authentic."""

    technology: Technology
    raw: bytes
    endorsements: Endorsements
    anchors: tuple[TrustAnchor, ...]
    now: datetime

    @property
    def verify(self) -> Any:  # noqa: ANN401 - a module
        """The technology's ``verify``."""
        return tdx if self.technology is TDX else sgx

    def authenticate(self, raw: bytes) -> Authentic:
        """The verdict about *raw*, with nothing verified before."""
        evidence = self.technology.parse(raw)
        found = self.technology.authenticate(evidence, self.endorsements, self.anchors, self.now)
        assert isinstance(found, Authentic)
        return found


@pytest.fixture(params=RECORDED.values(), ids=RECORDED.keys())
def recording(request: pytest.FixtureRequest, recorded: tuple[Recorded, ...]) -> Good:
    """A recorded quote."""
    one = next(one for one in recorded if one.folder.name == request.param)
    evaluation = one.evaluations[0]
    return Good(
        technology=one.technology,
        raw=one.quote,
        endorsements=one.endorsements(evaluation["collateral"]),
        anchors=ANCHORS,
        now=datetime.fromisoformat(evaluation["valid_at"]),
    )


@pytest.fixture(params=SIMULATED)
def simulation(
    request: pytest.FixtureRequest, simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> Good:
    """A quote under the development root."""
    machine: SimulatedTdx | SimulatedSgx
    if request.param.startswith("SGX"):
        technology, machine = SGX, simulated_sgx
        raw = machine.quote(Enclave(mr_enclave=b"e" * 32), report_data=DATA)
    else:
        version = 5 if request.param.endswith("5") else 4
        technology, machine = TDX, replace(simulated_tdx, version=version)
        raw = machine.quote(TdGuest(mr_td=b"m" * 48), report_data=DATA)
    return Good(
        technology=technology,
        raw=raw,
        endorsements=machine.endorsements(),
        anchors=machine.machine.root.anchors(),
        now=machine.machine.issued + timedelta(days=1),
    )


def flips(data: bytes, places: range) -> Iterator[tuple[Flip, bytes]]:
    """*data* with one bit changed, for every bit in *places*."""
    for place in places:
        for bit in range(8):
            changed = bytes((data[place] ^ 1 << bit,))
            yield (place, bit), data[:place] + changed + data[place + 1 :]


def everywhere(data: bytes) -> Iterator[tuple[Flip, bytes]]:
    """*data* with one bit changed, for every bit of it."""
    return flips(data, range(len(data)))


def spared(raw: bytes) -> set[Flip]:
    """The bits of *raw* that nothing signs and nobody believes (see above)."""
    leaf, *others = BODY.finditer(raw)
    found = {flip for flip, changed in within(raw, leaf) if der_in(changed, leaf) == pem_of(leaf)}
    for one in others:
        found |= {flip for flip, changed in within(raw, one) if is_readable(der_in(changed, one))}
    inside = {place for one in (leaf, *others) for place in range(*one.span())}
    between = (place for place in range(leaf.start(), len(raw)) if place not in inside)
    for place in between:
        found |= {flip for flip, changed in flips(raw, range(place, place + 1))
                  if {raw[place], changed[place]} <= set(BLANKS_BETWEEN)}  # fmt: skip
    return found


def unnamed(raw: bytes) -> Flip:
    """The bit that makes a platform manifest of a chain."""
    place = raw.index(b"-----BEGIN") - size_of(CertificationHead)
    assert raw[place] ^ 1 << 1 == PLATFORM_MANIFEST
    return place, 1


def within(raw: bytes, block: re.Match[bytes]) -> Iterator[tuple[Flip, bytes]]:
    """Every flip in the base64 of *block*."""
    return flips(raw, range(*block.span(1)))


def der_in(raw: bytes, block: re.Match[bytes]) -> bytes | None:
    """What stands where *block* was; None if it is no base64 with blanks in it."""
    text = raw[slice(*block.span(1))].translate(None, BLANKS_IN_BODIES)
    try:
        der = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return der if base64.b64encode(der) == text else None


def pem_of(block: re.Match[bytes]) -> bytes:
    """The certificate in *block*."""
    return base64.b64decode(block[1].translate(None, BLANKS_IN_BODIES))


def is_readable(der: bytes | None) -> bool:
    """Whether *der* is a certificate, whoever signed it."""
    try:
        return der is not None and bool(load_certificate(der, "certificate"))
    except MalformedError:
        return False


def must_prove_the_same(honest: Authentic, found: Authentic, flip: Flip) -> None:
    """Insist that the verdict about a quote with a *flip* proves nothing else than *honest*."""
    assert found.claims == honest.claims, flip
    assert (found.chain, found.anchor) == (honest.chain, honest.anchor), flip
    assert found.not_after == honest.not_after, flip


def must_refuse_every_flip(good: Good) -> None:
    """Insist on it, but for the bits of ``spared``, with collateral that was verified before."""
    evidence = good.technology.parse(good.raw)
    trusted = good.verify.trust(evidence, good.endorsements, good.anchors, good.now)
    honest = good.verify.authenticate_with(evidence, trusted, good.now)
    accepted: set[Flip] = set()
    tried = 0
    for flip, changed in everywhere(good.raw):
        tried += 1
        try:
            parsed = good.technology.parse(changed)
            found = good.verify.authenticate_with(parsed, trusted, good.now)
        except RejectedError:
            continue
        must_prove_the_same(honest, found, flip)
        accepted.add(flip)
    assert tried == len(good.raw) * 8
    assert accepted == spared(good.raw) | {unnamed(good.raw)}
    print(f"{tried} flips, {len(accepted)} accepted: bits that are not believed")  # noqa: T201 - asked for


def must_judge_alike_from_nothing(good: Good) -> None:
    """Insist on the same with nothing verified before, for every 37th bit."""
    honest, expected = good.authenticate(good.raw), spared(good.raw)
    for number, (flip, changed) in enumerate(everywhere(good.raw)):
        if number % EVERY:
            continue
        try:
            found = good.authenticate(changed)
        except RejectedError:
            assert flip not in expected
        else:
            must_prove_the_same(honest, found, flip)
            assert flip in expected


def must_refuse_flips_of_the_only_authority(good: Good) -> None:
    """Insist that the authority's certificate counts where nothing but the quote has it."""
    leaf, *others = BODY.finditer(good.raw)
    issuer = load_certificate(pem_of(leaf), "PCK").issuer
    (authority,) = (one for one in others if load_certificate(pem_of(one), "CA").subject == issuer)
    given = replace(good.endorsements, certificates=_without(good, pem_of(authority)))
    alone = replace(good, endorsements=given)
    honest = alone.authenticate(good.raw)
    for flip, changed in within(good.raw, authority):
        try:
            found = alone.authenticate(changed)
        except RejectedError:
            continue
        must_prove_the_same(honest, found, flip)
        assert der_in(changed, authority) == pem_of(authority)


def _without(good: Good, der: bytes) -> tuple[bytes, ...]:
    kept = tuple(one for one in good.endorsements.certificates if one != der)
    assert len(kept) < len(good.endorsements.certificates)
    return kept


@pytest.mark.slow
def test_every_bit_of_a_simulated_quote(simulation: Good) -> None:
    """Every single-bit flip is refused, or changes nothing that is signed or believed."""
    must_refuse_every_flip(simulation)


@pytest.mark.slow
def test_every_bit_of_a_recorded_quote(recording: Good) -> None:
    """Every single-bit flip is refused, or changes nothing that is signed or believed."""
    must_refuse_every_flip(recording)


@pytest.mark.slow
def test_nothing_known_judges_flips_alike_simulated(simulation: Good) -> None:
    """Whether collateral was verified before makes no difference."""
    must_judge_alike_from_nothing(simulation)


@pytest.mark.slow
def test_nothing_known_judges_flips_alike_recorded(recording: Good) -> None:
    """Whether collateral was verified before makes no difference."""
    must_judge_alike_from_nothing(recording)


@pytest.mark.slow
def test_every_bit_of_a_simulated_authority(simulation: Good) -> None:
    """No flip of a PCK authority's certificate is accepted where only the quote has it."""
    must_refuse_flips_of_the_only_authority(simulation)


@pytest.mark.slow
def test_every_bit_of_a_recorded_authority(recording: Good) -> None:
    """No flip of a PCK authority's certificate is accepted where only the quote has it."""
    must_refuse_flips_of_the_only_authority(recording)

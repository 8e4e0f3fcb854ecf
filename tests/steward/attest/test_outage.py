"""Vendors' services are away for a month, and clocks that are wrong by an hour.

The cache and the resolver are the real ones; what is made up is the service that they ask.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from tests.steward.attest.conftest import Clock, Steward
from tests.steward.keeps import Keep, Platform, launched

from enarx import attestation
from enarx.adapters.endorsement_cache import EndorsementCache
from enarx.adapters.endorsement_resolver import EndorsementsTooOldError, Resolver
from enarx.cli.steward_endorsing import Endorsing
from enarx.errors import UnavailableError
from enarx.evidence import cmw
from enarx.pki import request
from enarx.ports import Answer
from enarx.protocol.claims import IdentityClaims, beside, report_data
from enarx.steward.attest.service import Answer as Told
from enarx.steward.attest.service import NonceError, Service
from enarx.steward.records.database import reading
from enarx.steward.records.tables import certificates, decisions
from enarx.steward.records.writer import Writer
from enarx.tee.endorsements import Endorsements, Need

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Ticking:
    """A Steward's wall clock as adapters read one; waiting takes no time."""

    clock: Clock

    def now(self) -> datetime:
        """What the Steward's says."""
        return self.clock.at

    def monotonic(self) -> float:
        """Seconds."""
        return self.clock.at.timestamp()

    def sleep(self, seconds: float) -> None:
        """Let nobody wait."""


@dataclass
class Vendor:
    """A service that has all endorsements of one machine, until it is down."""

    endorsements: Endorsements
    down: bool = False
    asked: list[Need] = field(default_factory=list)

    def serves(self, need: Need) -> bool:
        """Everything."""
        return True

    def answer(self, need: Need) -> Answer:
        """All that it has: whoever asked takes what fits."""
        self.asked.append(need)
        if self.down:
            raise UnavailableError("vendor.example", "no connection: connection refused")
        return Answer(endorsements=self.endorsements, source="https://vendor.example/")


@dataclass(frozen=True)
class Supplied:
    """A Steward that finds endorsements at a vendor's and in a cache."""

    steward: Steward
    vendor: Vendor
    keep: Keep

    def certify(self) -> Told:
        """What it answers to evidence that brings no endorsements."""
        return self.steward.service.certify(bare(self.keep, self.steward.nonce()))

    def on_record(self) -> tuple[int, int, int]:
        """How many decisions, certificates and entries of the log there are."""
        with reading(self.steward.service.engine) as connection:
            count = sa.select(sa.func.count())
            rows = [connection.scalar(count.select_from(t)) for t in (decisions, certificates)]
        size = int(self.steward.service.log.checkpoint().split(b"\n")[1])
        return int(rows[0] or 0), int(rows[1] or 0), size


def bare(keep: Keep, nonce: bytes) -> bytes:
    """A request whose evidence comes without endorsements."""
    claims = IdentityClaims(nonce, keep.spki, keep.workload).encode()
    parsed = attestation.parse(keep.quote(report_data(claims)), "quote")
    wrapped = cmw.wrap(parsed.opened.evidence, keep.platform, Endorsements(), "cbor")
    return request.make(keep.key, beside(claims, wrapped))


def supplied(
    steward: Steward, platform: Platform, folder: Path, *, max_age: timedelta = 30 * DAY
) -> Supplied:
    """Let *steward* ask for endorsements that a vendor issued a moment before."""
    steward.clock.at = steward.clock.at.replace(microsecond=0)  # a cache keeps whole seconds
    keep = Keep(platform=platform, made=steward.clock.at - HOUR)
    made = launched(platform, keep.made.replace(minute=0, second=0, microsecond=0))
    vendor = Vendor(made.machine.endorsements)
    cache = EndorsementCache(str(folder / "endorsements"))
    resolver = Resolver((vendor,), cache, Ticking(steward.clock), max_age=max_age)

    def opened() -> AbstractContextManager[Resolver]:
        return nullcontext(resolver)

    means = replace(steward.service.means, endorse=Endorsing(opened))
    steward.service.means = means
    return Supplied(steward, vendor, keep)


def test_services_are_down_for_a_month(steward: Steward, tmp_path: Path) -> None:
    """With what is cached it certifies day by day, and then refuses with an error of its own."""
    at = supplied(steward, "snp", tmp_path)
    assert at.certify().decision.accepted
    asked = len(at.vendor.asked)
    at.vendor.down = True
    for _ in range(30):
        steward.clock.pass_(days=1)
        answer = at.certify()
        assert answer.decision.failures == ()
        assert len(answer.chain) > 1
    assert len(at.vendor.asked) > asked  # it went on asking
    before = at.on_record()
    assert before[:2] == (31, 31)
    steward.clock.pass_(seconds=1)
    nonce = steward.nonce()
    for _ in range(2):
        with pytest.raises(EndorsementsTooOldError, match="endorsements too old") as caught:
            steward.service.certify(bare(at.keep, nonce))
        assert (caught.value.age, caught.value.most) == (30 * DAY + timedelta(seconds=1), 30 * DAY)
    assert at.on_record() == before  # nothing was judged, so nothing is on record
    at.vendor.down = False
    again = steward.service.certify(bare(at.keep, nonce))  # the nonce was not used up either
    assert again.decision.accepted


@pytest.mark.parametrize("platform", ["tdx", "sgx"])
def test_collateral_that_may_be_a_week_old(
    steward: Steward, tmp_path: Path, platform: Platform
) -> None:
    """As long as the operator allows, though it is valid by its own dates for longer."""
    at = supplied(steward, platform, tmp_path, max_age=7 * DAY)
    assert at.certify().decision.accepted
    at.vendor.down = True
    steward.clock.pass_(days=7)
    assert at.certify().decision.accepted
    before = at.on_record()
    steward.clock.pass_(seconds=1)
    with pytest.raises(EndorsementsTooOldError, match="want at most 7 d"):
        at.certify()
    assert at.on_record() == before


@pytest.mark.parametrize("platform", ["tdx", "sgx"])
def test_collateral_that_its_issuer_does_not_stand_by(
    steward: Steward, tmp_path: Path, platform: Platform
) -> None:
    """However long the operator allows, it certifies nobody after its own last day."""
    at = supplied(steward, platform, tmp_path, max_age=300 * DAY)
    assert at.certify().decision.accepted
    at.vendor.down = True
    steward.clock.pass_(days=29)
    assert at.certify().decision.accepted
    before = at.on_record()
    steward.clock.pass_(days=1)
    with pytest.raises(UnavailableError, match="what is cached ended on"):
        at.certify()
    assert at.on_record() == before


def test_services_that_were_never_there(steward: Steward, tmp_path: Path) -> None:
    """Without a cache nothing is proven: a refusal that names what is missing, on record as one."""
    at = supplied(steward, "snp", tmp_path)
    at.vendor.down = True
    answer = at.certify()
    assert (answer.chain, answer.result) == ((), "")
    assert not answer.decision.accepted
    assert at.on_record()[:2] == (1, 0)


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_a_clock_that_is_wrong_by_an_hour(
    steward: Steward, platform: Platform, skew: timedelta
) -> None:
    """Endorsements of yesterday prove the same; the certificate has the wrong clock's dates."""
    keep = Keep(platform=platform, made=datetime.now(UTC) - DAY)
    steward.clock.at += skew
    answer = steward.service.certify(keep.request(steward.nonce()))
    assert answer.decision.failures == ()
    issued = x509.load_der_x509_certificate(answer.chain[0])
    begin = steward.clock.at.replace(microsecond=0) - timedelta(minutes=5)
    assert issued.not_valid_before_utc == begin


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_a_slow_clock_and_endorsements_of_this_hour(steward: Steward, platform: Platform) -> None:
    """What begins in the Steward's future is refused, by the name of what does."""
    keep = Keep(platform=platform, made=steward.clock.at)
    made = keep.made.replace(minute=0, second=0, microsecond=0)
    steward.clock.at = made - timedelta(minutes=30)
    answer = steward.service.certify(keep.request(steward.nonce()))
    assert answer.chain == ()
    (failure,) = answer.decision.failures
    assert failure.claim.startswith("certificate validity: SIMULATED ")
    steward.clock.at = made
    assert steward.service.certify(keep.request(steward.nonce())).decision.accepted


@pytest.mark.parametrize("platform", ["tdx", "sgx"])
def test_a_fast_clock_and_collateral_of_last_month(steward: Steward, platform: Platform) -> None:
    """What has half an hour left is refused by a clock that is an hour fast."""
    keep = Keep(platform=platform, made=steward.clock.at)
    steward.clock.at = keep.made.replace(minute=0, second=0, microsecond=0) + 30 * DAY - HOUR / 2
    assert steward.service.certify(keep.request(steward.nonce())).decision.accepted
    steward.clock.at += HOUR
    answer = steward.service.certify(keep.request(steward.nonce()))
    found = [one.claim for one in answer.decision.failures]
    assert found == ["endorsements: TCB info", "endorsements: QE identity"]


def test_two_instances_whose_clocks_differ(steward: Steward) -> None:
    """A nonce of a clock that is an hour behind has expired; one of a fast clock counts, once."""
    slow = steward.service
    clock = Clock(steward.clock.at + HOUR)
    writer = Writer(slow.engine)
    fast = Service(
        engine=slow.engine, writer=writer, log=slow.log, authority=slow.authority,
        means=slow.means, now=clock, entropy=lambda size: bytes(range(7, 7 + size)),
    )  # fmt: skip
    keep = Keep(made=steward.clock.at - DAY)
    try:
        with pytest.raises(NonceError, match="expired"):
            fast.certify(keep.request(slow.challenge()[0]))
        data = keep.request(fast.challenge()[0])
        assert slow.certify(data).decision.accepted
        for instance in (slow, fast):
            with pytest.raises(NonceError, match="used before"):
                instance.certify(data)
    finally:
        writer.close()

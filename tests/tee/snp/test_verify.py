"""Which SNP evidence is authentic, step by step, and what its claims say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import Party, valid_for
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.fitting import MAX_CANDIDATES
from enarx.tee.snp.report import GuestPolicy, SignerInfo
from enarx.tee.snp.tcb import compose
from enarx.tee.snp.trust import load, trust_ask, trust_vek
from enarx.tee.snp.verify import authenticate_with

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

Patched = Callable[[bytes, int, bytes], bytes]

DAY = timedelta(days=1)


def refusal(workshop: Workshop, raw: bytes, *certificates: bytes) -> UnauthenticError:
    """Why *raw* is not authentic, with these certificates or all that are right."""
    given = Endorsements(certificates=certificates) if certificates else None
    with pytest.raises(UnauthenticError) as caught:
        workshop.authenticate(raw, given)
    return caught.value


def claims_of(error: UnauthenticError) -> list[str]:
    """Which claims failed."""
    return [failure.claim for failure in error.failures]


@pytest.mark.parametrize("name", ["genoa", "milan2", "turin", "vlek"])
def test_an_honest_report(request: pytest.FixtureRequest, name: str) -> None:
    """A report of each kind is authentic with its certificates and the ARK's list."""
    workshop: Workshop = request.getfixturevalue(name)
    raw = workshop.report
    found = workshop.authenticate(raw)
    assert found.evidence == raw
    assert found.anchor == f"SIMULATED ARK-{workshop.machine.product}"
    signer = workshop.machine.signer
    assert [link.subject.partition(",")[0] for link in found.chain] == [
        f"CN=SIMULATED SEV-{signer.upper()}",
        f"CN=SIMULATED SEV-{'VLEK-' if signer == 'vlek' else ''}{workshop.machine.product}",
        f"CN=SIMULATED ARK-{workshop.machine.product}",
    ]
    assert found.verified_at == workshop.now
    assert found.collateral_issued == workshop.machine.issued
    assert found.not_after == workshop.machine.issued + 365 * DAY
    assert found.claims.revocation.unchecked == ()
    assert found.claims.simulated


def test_claims(genoa: Workshop) -> None:
    """The claims are the report's, in words that hold on every platform."""
    claims = genoa.authenticate(genoa.report).claims
    assert claims.platform == "snp"
    assert claims.measurements == {"measurement": b"m" * 48}
    assert claims.report_data == b"d" * 64
    assert (claims.debug, claims.migratable, claims.smt) == (False, False, True)
    assert claims.instance == genoa.machine.hwid
    assert (claims.tcb.status, claims.tcb.date, claims.tcb.advisories) == ("", None, ())
    assert claims.tcb.components == {"bootloader": 10, "tee": 0, "snp": 25, "microcode": 84}


def test_claims_of_a_lenient_policy(genoa: Workshop) -> None:
    """Debugging and migration are authentic claims, for policy to refuse."""
    claims = genoa.authenticate(genoa.signed(policy=GuestPolicy(0xE_0000))).claims
    assert (claims.debug, claims.migratable, claims.smt) == (True, True, False)


def test_claims_are_frozen(genoa: Workshop) -> None:
    """Nobody can write into what was proven."""
    claims = genoa.authenticate(genoa.report).claims
    for mapping in (claims.measurements, claims.tcb.components, claims.fields):
        with pytest.raises(TypeError, match="does not support item assignment"):
            mapping["snp.measurement"] = b""  # type: ignore[index]


# Step 1: the firmware signed at all.


@pytest.mark.parametrize("info", [0b11100, 0b11110])
def test_step_1_no_signing_key(genoa: Workshop, info: int) -> None:
    """A report that says of itself that no key signed it is refused in clear words."""
    error = refusal(genoa, genoa.signed(signer_info=SignerInfo(info)))
    assert error.step == "report signature"
    assert "got SIGNING_KEY none, want a signature" in str(error)


@pytest.mark.parametrize(("offset", "size"), [(0x2A0, 144), (0x2A0, 48), (0x2E8, 48)])
def test_step_1_zeros_for_a_signature(
    genoa: Workshop, patched: Patched, offset: int, size: int
) -> None:
    """The zeros of MASK_CHIP_KEY are no signature, in either number."""
    error = refusal(genoa, patched(genoa.report, offset, bytes(size)))
    assert str(error.failures[0]) == "snp.signature: got zeros, want a signature"
    assert "MASK_CHIP_KEY" in error.hints[0]


# Step 2: a VEK's certificate fits the report.


def test_step_2_no_certificate(genoa: Workshop, vlek: Workshop) -> None:
    """Without a VEK, the error says which one is wanted."""
    error = refusal(genoa, genoa.report, *genoa.chain())
    assert error.step == "certificate of the signing key"
    chip, tcb = genoa.machine.hwid.hex(), genoa.machine.tcb_version.hex()
    assert f"got none, want the VCEK certificate of chip {chip} for TCB {tcb}" in str(error)
    assert "want the VLEK certificate for TCB" in str(refusal(vlek, vlek.report, *vlek.chain()))


def test_step_2_every_level_that_differs(genoa: Workshop) -> None:
    """A certificate for another firmware is refused with every level that differs."""
    other = genoa.of(tcb={"bootloader": 9, "microcode": 85})
    error = refusal(genoa, genoa.report, *other.machine.certificates())
    assert [str(failure) for failure in error.failures] == [
        "snp.vek.blSPL: got 9, want 10, as REPORTED_TCB says",
        "snp.vek.ucodeSPL: got 85, want 84, as REPORTED_TCB says",
    ]
    assert "enarx endorsements fetch" in error.hints[0]


def test_step_2_another_chip(genoa: Workshop, turin: Workshop) -> None:
    """A certificate for another chip is refused, on Turin with 8 bytes and zeros."""
    for workshop in (genoa, turin):
        other = workshop.of(chip="another")
        error = refusal(workshop, workshop.report, *other.machine.certificates())
        assert claims_of(error) == ["snp.vek.hwid"]


def test_step_2_another_kind_of_key(vlek: Workshop) -> None:
    """A VCEK does not stand for a VLEK, whatever else fits."""
    vcek = vlek.of(signer="vcek")
    error = refusal(vlek, vlek.report, *vcek.machine.certificates())
    assert claims_of(error) == ["snp.vek.signer"]


def test_step_2_another_product(genoa: Workshop, turin: Workshop, milan2: Workshop) -> None:
    """A Turin's certificate does not fit a Genoa, nor a report that does not tell its product."""
    error = refusal(genoa, genoa.report, *turin.machine.certificates())
    assert claims_of(error) == ["snp.vek.product_name", "snp.vek.hwid", "snp.reported_tcb"]
    error = refusal(milan2, milan2.report, *turin.machine.certificates())
    assert claims_of(error) == ["snp.vek.hwid", "snp.reported_tcb"]


def test_step_2_the_nearest_is_reported(genoa: Workshop) -> None:
    """Of several certificates that do not fit, the one with the fewest faults is explained."""
    near, far = genoa.of(tcb={"snp": 24}), genoa.of(chip="x", tcb={"snp": 1, "tee": 7})
    error = refusal(genoa, genoa.report, far.vek(), near.vek(), *genoa.chain())
    assert claims_of(error) == ["snp.vek.snpSPL"]


def test_step_2_a_damaged_certificate(genoa: Workshop) -> None:
    """A VEK outside of AMD's profile is explained where it is the nearest."""
    broken = genoa.vek({"1.3.6.1.4.1.3704.1.2": None})
    error = refusal(genoa, genoa.report, broken)
    assert "want AMD's profile" in str(error)
    assert "1.3.6.1.4.1.3704.1.2 is missing" in str(error)


def test_a_masked_chip(genoa: Workshop) -> None:
    """With MASK_CHIP_ID the signature finds the certificate; that it is masked is a claim."""
    raw = genoa.signed(chip_id=bytes(64))
    strangers = [genoa.of(chip=name).vek() for name in "abc"]
    bag = Endorsements(certificates=(*strangers, *genoa.machine.certificates()))
    claims = genoa.authenticate(raw, bag).claims
    assert (claims.instance, claims.fields["snp.chip_id_masked"]) == (b"", True)
    assert claims.fields["snp.vek.hwid"] == genoa.machine.hwid
    assert refusal(genoa, raw, *strangers, *genoa.chain()).step == "report signature"


# Step 4: the signature.


def test_step_4_another_key(genoa: Workshop, patched: Patched) -> None:
    """A report that was changed, or that another key signed, is refused."""
    assert refusal(genoa, patched(genoa.report, 0x90, b"x")).step == "report signature"
    assert refusal(genoa, genoa.of(chip="x").signed(chip_id=genoa.machine.hwid)).step == (
        "report signature"
    )


# Step 5: what the firmware upholds.


@pytest.mark.parametrize("field", ["committed_tcb", "reported_tcb"])
def test_step_5_above_the_current_tcb(genoa: Workshop, field: str) -> None:
    """A TCB that is committed or reported is nowhere above the current one."""
    numbers = {"bootloader": 9, "tee": 255, "snp": 26, "microcode": 255}
    current = compose("Genoa", numbers, "t")
    error = refusal(
        genoa, genoa.signed(**{"current_tcb": current, field: genoa.machine.tcb_version})
    )
    assert error.step == "firmware's own order of versions"
    assert f"snp.{field}.bootloader" in claims_of(error)
    assert "got 10, want at most 9, the current" in str(error)


def test_orders_that_are_for_policy(genoa: Workshop) -> None:
    """Reporting more than is committed, and a launch at any TCB, is what firmware allows."""
    low = compose("Genoa", {"bootloader": 1, "tee": 0, "snp": 1, "microcode": 1}, "t")
    high = compose("Genoa", {"bootloader": 99, "tee": 9, "snp": 99, "microcode": 99}, "t")
    for changes in ({"committed_tcb": low}, {"launch_tcb": high}, {"current_tcb": high}):
        fields = genoa.authenticate(genoa.signed(**changes)).claims.fields
        for name, tcb in changes.items():
            assert fields[f"snp.{name}.raw"] == tcb


@pytest.mark.parametrize(
    ("committed", "fits"),
    [((1, 58, 1), True), ((1, 57, 9), True), ((0, 99, 99), True), ((1, 58, 2), False),
     ((1, 59, 0), False), ((2, 0, 0), False)],
)  # fmt: skip
def test_step_5_committed_version(
    genoa: Workshop, committed: tuple[int, int, int], *, fits: bool
) -> None:
    """The committed version is not above the current one, 1.58.1, by major, minor and build."""
    names = ("committed_major", "committed_minor", "committed_build")
    raw = genoa.signed(**dict(zip(names, committed, strict=True)))
    if fits:
        assert genoa.authenticate(raw)
        return
    error = refusal(genoa, raw)
    assert claims_of(error) == ["snp.committed_version"]
    assert "want at most 1.58.1, the current" in str(error)


def test_step_5_version_that_the_policy_demands(genoa: Workshop) -> None:
    """No guest runs on firmware older than its policy demands."""
    assert genoa.authenticate(genoa.signed(policy=GuestPolicy(0x3_013A)))  # 1.58
    for policy in (0x3_013B, 0x3_0200):
        error = refusal(genoa, genoa.signed(policy=GuestPolicy(policy)))
        assert claims_of(error) == ["snp.policy.abi"]


def test_a_report_that_tells_its_product_has_that_products_layout(genoa: Workshop) -> None:
    """From version 3 on it is malformed by itself, before anybody looks for a certificate."""
    with pytest.raises(MalformedError, match=r"report\.launch_tcb\.reserved at 0x2: reserved"):
        parse(genoa.signed(launch_tcb=b"\0\0\x01" + bytes(5)))


def test_step_5_layout_of_the_certified_product(milan2: Workshop) -> None:
    """A report that does not tell its product has TCBs of the product that its VEK names."""
    with pytest.raises(MalformedError, match=r"report\.launch_tcb\.reserved at 0x2: reserved"):
        milan2.authenticate(milan2.signed(launch_tcb=b"\0\0\x01" + bytes(5)))


# Bags and reuse.


def test_a_bag_of_strangers(genoa: Workshop, turin: Workshop, vlek: Workshop) -> None:
    """The right certificates are found among others', and junk, in any order."""
    others = (turin.machine.endorsements() + vlek.machine.endorsements()).certificates
    mine = genoa.machine.endorsements()
    bag = (b"junk", *others, *reversed(mine.certificates), b"")
    endorsements = Endorsements(certificates=bag, crls=(b"junk", turin.machine.crl(), *mine.crls))
    found = genoa.authenticate(genoa.report, endorsements)
    assert found.claims.revocation.lists == ("SIMULATED ARK-Genoa",)


def test_a_forged_twin_is_not_in_the_way(genoa: Workshop) -> None:
    """A newer certificate of the same key that nobody vouches for does not hide the genuine one."""
    stranger = Party(title="SEV-Genoa", key=genoa.machine._vek_key())
    twin = genoa.vek(issuer=stranger, validity=valid_for(genoa.now, 30))
    bag = Endorsements(certificates=(twin, *genoa.machine.certificates()))
    assert genoa.authenticate(genoa.report, bag)
    assert refusal(genoa, genoa.report, twin, *genoa.chain()).step == "certificate chain"


def test_a_flood_of_twins_is_bounded(genoa: Workshop) -> None:
    """Only so many certificates that pretend to fit are tried."""
    stranger = Party(title="SEV-Genoa", key=genoa.machine._vek_key())
    twins = [
        genoa.vek(issuer=stranger, validity=valid_for(genoa.now - timedelta(seconds=n), 30))
        for n in range(MAX_CANDIDATES)
    ]
    genuine = genoa.machine.certificates()
    assert genoa.authenticate(genoa.report, Endorsements(certificates=(*twins[1:], *genuine)))
    assert refusal(genoa, genoa.report, *twins, *genuine).step == "certificate chain"


def test_a_trusted_key_serves_many_reports(genoa: Workshop) -> None:
    """What was verified of a VEK proves further reports, to the same claims."""
    bag = genoa.machine.endorsements()
    pool = load(bag)
    ask = trust_ask(pool.certificates[1], pool, genoa.anchors, genoa.now)
    trusted = trust_vek(genoa.loaded(bag.certificates[0]), ask, genoa.now)
    for raw in (genoa.report, genoa.signed(report_data=b"n" * 64)):
        assert authenticate_with(parse(raw), trusted, genoa.now) == genoa.authenticate(raw, bag)


def test_a_trusted_key_ends(genoa: Workshop) -> None:
    """A verified key holds within its certificates' and lists' validity, and not a second more."""
    pool = load(genoa.machine.endorsements())
    ask = trust_ask(pool.certificates[1], pool, genoa.anchors, genoa.now)
    trusted = trust_vek(genoa.loaded(), ask, genoa.now)
    evidence = parse(genoa.report)
    assert trusted.not_after == genoa.machine.issued + 365 * DAY  # the list's end
    for now in (trusted.not_before, trusted.not_after):
        assert authenticate_with(evidence, trusted, now)
    second = timedelta(seconds=1)
    for now in (trusted.not_before - second, trusted.not_after + second):
        with pytest.raises(UnauthenticError, match="certificate validity: trusted VEK: got 20"):
            authenticate_with(evidence, trusted, now)


def test_a_trusted_key_of_another_chip(genoa: Workshop) -> None:
    """A trusted key proves nothing for a report that its certificate does not fit."""
    pool = load(genoa.machine.endorsements())
    ask = trust_ask(pool.certificates[1], pool, genoa.anchors, genoa.now)
    other = trust_vek(genoa.of(chip="x").loaded(), ask, genoa.now)
    with pytest.raises(UnauthenticError, match=r"certificate of the signing key: snp\.vek\.hwid"):
        authenticate_with(parse(genoa.report), other, genoa.now)
    unsigned = genoa.signed(signer_info=SignerInfo(0b11100))
    with pytest.raises(UnauthenticError, match="report signature"):
        authenticate_with(parse(unsigned), other, genoa.now)

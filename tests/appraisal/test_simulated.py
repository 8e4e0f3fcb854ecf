"""The whole way with simulated machines: real formats, real signatures, every field where it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import appraise, judge
from enarx.appraisal.baseline import baseline
from enarx.appraisal.comparison import NOT_STATED
from enarx.appraisal.ear import claims_set
from enarx.errors import UnacceptableError
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX
from enarx.tee.technology import Technology

Make = Callable[..., Any]
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ISSUED = datetime(2026, 5, 20, tzinfo=UTC)
DATA = bytes(range(64))

pytestmark = pytest.mark.slow  # RSA keys of a root are made once


@pytest.fixture(scope="module")
def proven() -> Callable[[str], Authentic]:
    """Authentic simulated evidence, by platform: SNP version 5, TDX 1.5, SGX."""
    root = SimulatedRoot.from_seed(bytes(32))
    machine = IntelMachine(root=root, issued=ISSUED)
    snp = SimulatedSnp(root=root, product="Turin", issued=ISSUED, version=5)
    tdx = SimulatedTdx(machine=machine, version=5)
    sgx = SimulatedSgx(machine=machine)
    made: dict[str, tuple[Technology, bytes, Endorsements]] = {
        "snp": (
            SNP,
            snp.report(SnpGuest(measurement=bytes(48)), report_data=DATA),
            snp.endorsements(),
        ),
        "tdx": (TDX, tdx.quote(TdGuest(mr_td=bytes(48)), report_data=DATA), tdx.endorsements()),
        "sgx": (
            SGX,
            sgx.quote(Enclave(mr_enclave=bytes(32)), report_data=DATA),
            sgx.endorsements(),
        ),
    }

    def prove(platform: str) -> Authentic:
        technology, data, endorsements = made[platform]
        evidence = technology.parse(data)
        return technology.authenticate(evidence, endorsements, root.anchors(), NOW)

    return prove


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_every_property_has_its_field(
    platform: str, proven: Callable[[str], Authentic], policy_of: Make
) -> None:
    """The names in the catalogue are those of the verifiers: nothing is looked for in vain."""
    verdict = judge(proven(platform), policy_of(platform), now=NOW)
    blank = {check.claim for check in verdict.unchecked if check.got == NOT_STATED}
    assert blank == ({"migration"} if platform == "sgx" else set())


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx"])
def test_simulated_evidence_is_refused_for_being_simulated(
    platform: str, proven: Callable[[str], Authentic]
) -> None:
    """And for nothing else; with the flag it is accepted, and its result stays contraindicated."""
    authentic = proven(platform)
    with pytest.raises(UnacceptableError) as caught:
        appraise(authentic, baseline(), now=NOW, report_data=DATA)
    assert [failure.claim for failure in caught.value.failures] == ["simulated"]
    policy = baseline(accept_simulated=True)
    accepted = appraise(authentic, policy, now=NOW, accept_simulated=True, report_data=DATA)
    result: Any = claims_set(authentic, accepted.verdict, build="test")
    assert result["submods"]["cpu0"]["ear.status"] == "contraindicated"
    assert result["submods"]["cpu0"]["ear.trustworthiness-vector"]["hardware"] == 97

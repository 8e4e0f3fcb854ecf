"""What CoCo's attesters send is the evidence again, byte by byte, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fuzz import seeds
from tests.steward.broker.kbs.guests import TURIN, quote_evidence, snp_evidence

from enarx import attestation
from enarx.errors import MalformedError
from enarx.steward.broker.kbs import evidence
from enarx.tee.simulated.sgx import FLAGS, Enclave, EnclaveFlags, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.wire.document import Fields

HOST = bytes(range(64, 128))


def read(tee: str, value: object) -> attestation.Parsed:
    """What a judge parses."""
    return attestation.parse(evidence.read(tee, Fields(value, "evidence")))


def genoa() -> dict[str, Any]:
    """What a guest on a Genoa sends."""
    guest = SnpGuest(measurement=bytes(48), host_data=HOST[:32])
    machine = seeds.snp_machine()
    report = machine.report(guest, report_data=seeds.REPORT_DATA)
    return snp_evidence(report, machine.certificates())


@pytest.mark.parametrize("machine", [seeds.snp_machine(), TURIN], ids=["Genoa", "Turin"])
@pytest.mark.parametrize("chained", [True, False])
def test_an_snp_report_is_put_together(machine: SimulatedSnp, *, chained: bool) -> None:
    """To the bytes that were signed, of both orders of a TCB, with its certificates."""
    guest = SnpGuest(measurement=bytes(48), host_data=HOST[:32])
    report = machine.report(guest, report_data=seeds.REPORT_DATA)
    certificates = machine.certificates() if chained else ()
    parsed = read("snp", snp_evidence(report, certificates or None))
    assert parsed.opened.evidence == report
    assert set(parsed.endorsements.certificates) == set(certificates)


def test_host_data_is_what_the_launcher_put_in() -> None:
    """HOSTDATA, MRCONFIGID and CONFIGID, of authentic claims."""
    tdx = SimulatedTdx(machine=seeds.intel())
    td = tdx.quote(TdGuest(mr_td=bytes(48), mr_config_id=HOST[:48]), report_data=bytes(64))
    sgx = SimulatedSgx(machine=seeds.intel())
    enclave = Enclave(mr_enclave=bytes(32), config_id=HOST)
    quote = sgx.quote(enclave, report_data=bytes(64))
    kss = replace(enclave, flags=EnclaveFlags(int(FLAGS) | 1 << 7))
    separated = sgx.quote(kss, report_data=bytes(64))
    for parsed, size in (
        (read("snp", genoa()), 32),
        (read("tdx", quote_evidence(td, cc_eventlog=None)), 48),
        (read("sgx", quote_evidence(separated)), 64),
        (read("sgx", quote_evidence(quote)), 0),  # without the flag KSS it is nobody's word
    ):
        claims = attestation.authenticate(
            parsed, seeds.endorsements(), anchors=seeds.root().anchors(),
            now=seeds.NOW + timedelta(seconds=1),
        ).claims  # fmt: skip
        assert evidence.host_data(claims) == HOST[:size]


def test_evidence_is_of_the_tee_that_was_said() -> None:
    """A quote of a TD is no quote of an enclave, whatever the guest calls itself."""
    with pytest.raises(MalformedError):
        read("sgx", quote_evidence(seeds.tdx()[0]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("attestation_report", "version"), "3"),
        (("attestation_report", "policy"), 0),
        (("attestation_report", "host_data"), [0] * 31),
        (("attestation_report", "host_data"), [256] * 32),
        (("attestation_report", "host_data"), [True] * 32),
        (("attestation_report", "extra"), 1),
        (("attestation_report", "cpuid_step"), 256),
        (("attestation_report", "current_tcb", "fmc"), True),
        (("attestation_report", "current", "minor"), None),
        (("attestation_report", "signature", "r"), [1] * 72),
        (("cert_chain",), [{"cert_type": "VCEK", "data": "x"}]),
        (("cert_chain",), {}),
        (("more",), None),
    ],
)
def test_another_shape_is_refused(path: tuple[str, ...], value: object) -> None:
    """Each field has one type and size."""
    sent = genoa()
    at: Any = sent
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(MalformedError):
        read("snp", sent)


def test_entries_of_other_kinds_are_passed_over() -> None:
    """Hosts have further entries in their certificate tables."""
    sent = genoa()
    other = {"cert_type": {"OTHER": "00000000-0000-0000-0000-000000000001"}, "data": [1, 2]}
    sent["cert_chain"].append(other)
    assert len(read("snp", sent).endorsements.certificates) == 3

"""Whatever arrives: our error or success, nothing else.  Every parser of untrusted bytes, by name.

``run.py`` searches with coverage as its guide, ``test_targets.py`` feeds each target a fixed number
of damaged seeds in the ordinary tests.  A crash that was found lies in ``crashes/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from types import MappingProxyType

from tests.fuzz import images, logs, machines, seeds, tunnels
from tests.tee.cca.conftest import Maker as CcaMaker
from tests.tee.nitro.conftest import Maker as NitroMaker
from tests.tee.nvgpu.conftest import Maker as NvgpuMaker

from enarx.adapters import endorsement_content
from enarx.appraisal import ear, ear_token, policy, report
from enarx.appraisal.appraise import judge
from enarx.appraisal.baseline import baseline
from enarx.errors import EnarxError, MisconfiguredError, RejectedError
from enarx.evidence import event_log, media
from enarx.evidence.container import open_container
from enarx.host.doctor import report as platform_report
from enarx.host.doctor.facts import Facts
from enarx.keep.vm import certificate_table as quoter_table
from enarx.keep.vm.report_data import report_data_of
from enarx.protocol import agent_link, channel
from enarx.seal import envelope, offer, receipt
from enarx.tee import x509
from enarx.tee.anchors import TrustAnchor
from enarx.tee.azure.technology import AZURE_SNP, AZURE_TDX
from enarx.tee.cca.technology import CCA
from enarx.tee.dcap.collateral import parse_qe_identity, parse_tcb_info
from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.pck import pck_identity
from enarx.tee.endorsements import Endorsements
from enarx.tee.nitro.technology import NITRO
from enarx.tee.nvgpu.technology import NVGPU
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.sgx import SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx
from enarx.tee.snp.certificate_table import endorsements_in, parse_table
from enarx.tee.snp.report import AttestationReport
from enarx.tee.snp.technology import SNP
from enarx.tee.snp.vek import load_vek
from enarx.tee.tdx.report import TdReport10
from enarx.tee.tdx.technology import TDX
from enarx.tee.technologies import TECHNOLOGIES
from enarx.tee.technology import Technology
from enarx.wire import cbor, der, document, text
from enarx.wire.record import unpack

Feed = Callable[[bytes], None]

LONGEST_MESSAGE = 8_000
"""Characters of an error: whatever arrives, people must be able to read what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One parser.

    Args:
        feed: gives it some bytes; whatever it raises beside *refuses* is a finding.
        seeds: makes bytes that it accepts.
        refuses: the one branch of the tree of errors that it may use.
        tolerant: what it cannot read is someone else's, so that damage may never be refused.
    """

    feed: Feed
    seeds: Callable[[], Sequence[bytes]]
    refuses: type[EnarxError] = RejectedError
    tolerant: bool = False

    def holds(self, data: bytes) -> bool:
        """Feed it; whether *data* was accepted.  Raises what should not be raised."""
        try:
            self.feed(data)
        except self.refuses as e:
            message = str(e)
            assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message[:200]}"
            return False
        return True


def evidence(
    technology: Technology,
    anchors: Callable[[], tuple[TrustAnchor, ...]],
    given: Callable[[], Endorsements] = seeds.endorsements,
    now: datetime = seeds.NOW,
) -> Feed:
    """The whole way of evidence: recognise, parse, show, ask, authenticate."""

    def feed(data: bytes) -> None:
        technology.recognises(data)
        found = technology.parse(data)
        assert found.raw == data
        dict(found.fields())
        technology.needs(found, Endorsements(), now)
        technology.needs(found, given(), now)
        proof = technology.authenticate(found, given(), anchors(), now)
        assert proof.evidence == data

    return feed


def endorsed(field: str, technology: Technology, quote: Callable[[], bytes]) -> Feed:
    """A damaged endorsement beside evidence that is whole: nothing may leak from verification."""

    def feed(data: bytes) -> None:
        whole = seeds.endorsements()
        kept = {name: getattr(whole, name) for name in Endorsements.__slots__}
        bag = Endorsements(**{**kept, field: (data,)})
        found = technology.parse(quote())
        technology.needs(found, bag, seeds.NOW)
        technology.authenticate(found, bag, seeds.root().anchors(), seeds.NOW)

    return feed


def signed(
    technology: Technology, sign: Callable[[bytes], bytes], demanded: Callable[[], policy.Policy]
) -> Feed:
    """What hardware would sign, whatever it says: authentic, appraised, and told in every form."""

    def feed(data: bytes) -> None:
        found = technology.parse(sign(data))
        proof = technology.authenticate(found, seeds.endorsements(), _development(), seeds.NOW)
        verdict = judge(proof, demanded(), now=seeds.NOW, report_data=seeds.REPORT_DATA)
        assert not verdict.accepted, "a simulation was accepted"
        claims = document.dump(ear.claims_set(proof, verdict, build="fuzz"))
        assert ear.parse(claims).submods["cpu0"].status != "affirming"
        "".join(report.lines(proof, verdict))
        document.dump(report.document(proof, verdict))

    return feed


def _signed_snp(data: bytes) -> bytes:
    return seeds.snp_machine().sign(unpack(AttestationReport, data))


def _signed_tdx(data: bytes) -> bytes:
    return SimulatedTdx(machine=seeds.intel()).sign(unpack(TdReport10, data))


def _signed_sgx(data: bytes) -> bytes:
    return SimulatedSgx(machine=seeds.intel()).sign(unpack(EnclaveReport, data))


def _document(data: bytes) -> None:
    fields = document.load(data, "it")
    value = {key: fields.take(key) for key in list(fields._left)}
    fields.done()
    document.dump(value)


def _cbor(data: bytes) -> None:
    value = cbor.decode(data, "it", canonical=True)
    assert cbor.encode(value) == data
    cbor.decode(data, "it")


def _loose_cbor(data: bytes) -> None:
    cbor.decode(data, "it")


def _der(data: bytes) -> None:
    for value in der.attributes(data, "it").values():
        assert der.element(value) in data
        der.inner_attributes(value, "it")


def _text(data: bytes) -> None:
    given = data.decode("utf-8", "surrogateescape")
    readers = (text.hexadecimal, text.base64, text.base64url, text.instant, media.parse)
    _either(*(partial(read, given, "it") for read in readers))


def _either(*readers: Callable[[], object]) -> None:
    """Each must keep the promise; refused is only what all of them refuse."""
    refusals = []
    for read in readers:
        try:
            read()
        except EnarxError as e:
            refusals.append(e)
    if len(refusals) == len(readers):
        raise refusals[0]


def _vek(data: bytes) -> None:
    load_vek(data, "it")


def _pck(data: bytes) -> None:
    pck_identity(x509.load_certificate(data, "it"), "it")


def _keys(data: bytes) -> None:
    found = x509.load_certificate(data, "it")
    x509.is_signed_by(found, x509.key_of(found, "it"))
    x509.common_name(found.subject)
    x509.subject_public_key_info(found)


def _crl(data: bytes) -> None:
    found = x509.load_crl(data, "it")
    x509.issuer_of(found)
    x509.is_signed_by(found, seeds.root().anchors()[0].public_key())
    found.get_revoked_certificate_by_serial_number(1)


def _table(data: bytes) -> None:
    endorsements_in(parse_table(data))


def _channel(data: bytes) -> None:
    for frame in channel.Splitter().feed(data):
        if frame.kind == channel.CONTROL:
            _either(
                lambda body=frame.body: channel.decode_command(body),
                lambda body=frame.body: channel.decode_notice(body),
            )


def _envelope(data: bytes) -> None:
    _either(lambda: envelope.parse(data), lambda: envelope.parse_content(data))


def _receipt(data: bytes) -> None:
    spki, digest = seeds.channel_spki(), bytes(32)
    receipt.verify(
        data,
        spki,
        workload_digest="sha256:" + "00" * 32,
        claims_sha256=digest,
        envelope_sha256=digest,
    )


def _event_log(data: bytes) -> None:
    events = event_log.parse(data)
    for event in events:
        _ = event.name, event_log.text_of(event), event.says_what_was_measured
    for bank in event_log.algorithms(events):
        event_log.replay(events, bank)
    event_log.rtmrs(events)


def _policy(data: bytes) -> None:
    policy.load("policy.toml", {"policy.toml": data})


def _reference_values(data: bytes) -> None:
    def load(name: str) -> object:
        stated = f'reference_value_files = ["{name}"]\n[snp]'.encode()
        whole = seeds.policies()[0].replace(b"[snp]", stated)
        return policy.load("policy.toml", {"policy.toml": whole, name: data})

    _either(*(partial(load, name) for name in ("values.json", "values.toml")))


def _token(data: bytes) -> None:
    given = data.decode("utf-8", "surrogateescape")

    def verify(key: ear_token.PrivateKey) -> object:
        wanted = [ear_token.algorithm_of(key)]
        return ear_token.verify(given, key.public_key(), algorithms=wanted, now=seeds.NOW)

    _either(*(partial(verify, key) for key in seeds.KEYS))


@cache
def _demanding() -> policy.Policy:
    return baseline()


def _development() -> tuple[TrustAnchor, ...]:
    return seeds.root().anchors()


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "azure": Target(
            feed=evidence(AZURE_SNP, _development, seeds.azure_chain),
            seeds=seeds.azure,
        ),
        "azure-tdx": Target(feed=evidence(AZURE_TDX, _development), seeds=seeds.azure_tdx),
        "cbor": Target(feed=_cbor, seeds=lambda: seeds.CBOR),
        "cbor-loose": Target(feed=_loose_cbor, seeds=lambda: (*seeds.CBOR, *seeds.cca())),
        "cca": Target(feed=evidence(CCA, lambda: CcaMaker().anchors), seeds=seeds.cca),
        "certificate": Target(feed=_keys, seeds=seeds.certificates),
        "certificate-pck": Target(feed=_pck, seeds=lambda: seeds.intel().certificates()[:1]),
        "certificate-table": Target(
            feed=_table, seeds=lambda: (seeds.snp_machine().certificate_table(),)
        ),
        "certificate-vek": Target(feed=_vek, seeds=lambda: seeds.certificates()[:1]),
        "container": Target(
            feed=lambda data: open_container(data, "it", TECHNOLOGIES) and None,
            seeds=seeds.containers,
        ),
        "agent-link": Target(
            feed=lambda data: _either(
                lambda: agent_link.decode_from_host(data, 0),
                lambda: agent_link.decode_from_host(data, 1),
                lambda: agent_link.decode_from_keep(data, 0),
                lambda: agent_link.decode_reply(data, "status", 0),
            ),
            seeds=seeds.agent_messages,
        ),
        "channel": Target(feed=_channel, seeds=seeds.channel_frames),
        "envelope": Target(feed=_envelope, seeds=seeds.envelopes),
        "offer": Target(feed=lambda data: offer.parse(data) and None, seeds=seeds.offers),
        "receipt": Target(feed=_receipt, seeds=seeds.receipts),
        "event-log": Target(feed=_event_log, seeds=seeds.event_logs),
        "crl": Target(feed=_crl, seeds=seeds.crls),
        "crl-beside-tdx": Target(
            feed=endorsed("crls", TDX, lambda: seeds.tdx()[0]), seeds=seeds.crls, tolerant=True
        ),
        "der": Target(feed=_der, seeds=lambda: seeds.DER),
        "document": Target(feed=_document, seeds=lambda: seeds.JSON),
        "efi-variables": Target(feed=images.feed_variables, seeds=images.volumes),
        "ear": Target(feed=lambda data: ear.parse(data) and None, seeds=seeds.results),
        "ear-token": Target(feed=_token, seeds=seeds.tokens),
        "endorsement": Target(
            feed=lambda data: endorsement_content.recognise(data, "it") and None,
            seeds=seeds.recognised,
        ),
        "id-auth": Target(feed=images.feed_id_auth, seeds=images.id_auths),
        "kernel-image": Target(feed=images.feed_kernel, seeds=images.kernel_images),
        "machine-event": Target(feed=machines.feed_event, seeds=machines.events),
        "machine-order": Target(feed=machines.order, seeds=machines.orders, refuses=EnarxError),
        "monitor": Target(feed=machines.feed_monitor, seeds=machines.monitors),
        "log-bundle": Target(feed=logs.feed_bundle, seeds=logs.bundles),
        "log-entry": Target(feed=logs.feed_entry, seeds=logs.entries),
        "log-key": Target(feed=logs.feed_verifier, seeds=lambda: (str(logs.VERIFIER).encode(),)),
        "log-proof": Target(feed=logs.feed_proof, seeds=logs.proofs),
        "nitro": Target(
            feed=evidence(NITRO, lambda: NitroMaker().anchors, Endorsements, NitroMaker().now),
            seeds=seeds.nitro,
        ),
        "nvgpu": Target(
            feed=evidence(NVGPU, lambda: NvgpuMaker().anchors, seeds.nvgpu_chain, NvgpuMaker().now),
            seeds=seeds.nvgpu,
        ),
        "pem": Target(feed=lambda data: text.pem_blocks(data, "it") and None, seeds=seeds.pem),
        "platform-report": Target(
            feed=lambda data: platform_report.decode(data) and None,
            seeds=lambda: (platform_report.encode(Facts()),),
        ),
        "policy": Target(feed=_policy, seeds=seeds.policies, refuses=MisconfiguredError),
        "quoter-report": Target(
            feed=lambda data: _either(
                lambda: report_data_of("sev_guest", data), lambda: report_data_of("tdx_guest", data)
            ),
            seeds=lambda: (*seeds.snp()[:1], *seeds.tdx()[:1]),
        ),
        "quoter-table": Target(
            feed=lambda data: quoter_table.endorsements_in(data) and None,
            seeds=lambda: (seeds.snp_machine().certificate_table(),),
        ),
        "qe-identity": Target(
            feed=lambda data: parse_qe_identity(data) and None, seeds=seeds.qe_identities
        ),
        "qe-identity-beside-sgx": Target(
            feed=endorsed("qe_identities", SGX, lambda: seeds.sgx()[0]),
            seeds=lambda: seeds.qe_identities()[1:],
        ),
        "reference-values": Target(
            feed=_reference_values, seeds=lambda: seeds.REFERENCES, refuses=MisconfiguredError
        ),
        "sev-firmware": Target(feed=images.feed_sev_firmware, seeds=images.sev_firmwares),
        "sgx": Target(feed=evidence(SGX, _development), seeds=seeds.sgx),
        "sgx-signed": Target(feed=signed(SGX, _signed_sgx, _demanding), seeds=seeds.sgx_bodies),
        "sgxs": Target(feed=images.feed_enclave, seeds=images.streams),
        "sigstruct": Target(feed=images.feed_sigstruct, seeds=images.sigstructs),
        "snp": Target(feed=evidence(SNP, _development), seeds=seeds.snp),
        "snp-signed": Target(feed=signed(SNP, _signed_snp, _demanding), seeds=seeds.snp_bodies),
        "tcb-info": Target(feed=lambda data: parse_tcb_info(data) and None, seeds=seeds.tcb_infos),
        "tcb-info-beside-tdx": Target(
            feed=endorsed("tcb_infos", TDX, lambda: seeds.tdx()[0]),
            seeds=lambda: seeds.tcb_infos()[:1],
        ),
        "tdx": Target(feed=evidence(TDX, _development), seeds=seeds.tdx),
        "tdx-firmware": Target(
            feed=images.feed_tdx_firmware, seeds=images.tdx_firmwares, refuses=EnarxError
        ),
        "tdx-signed": Target(feed=signed(TDX, _signed_tdx, _demanding), seeds=seeds.tdx_bodies),
        "text": Target(feed=_text, seeds=lambda: seeds.TEXTS),
        "tunnel-host": Target(feed=tunnels.feed_host, seeds=lambda: tunnels.whole()[1:]),
        "tunnel-keep": Target(feed=tunnels.feed_keep, seeds=lambda: tunnels.whole()[:1]),
        "tunnel-records": Target(feed=tunnels.feed_records, seeds=tunnels.whole),
    }
)

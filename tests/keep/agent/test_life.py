"""A keep's life: it offers, opens one envelope, runs, and tells its owner how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.keep.agent.parties import NONCE, Client, Keep, Owner, deliver, seal, status_of
from tests.keep.agent.programs import (
    ECHO,
    ENDLESS,
    HELLO,
    READS_SECRET,
    TELLS_VARIABLES,
    TRAPS,
    flood,
)

from enarx import attestation
from enarx.errors import UnauthenticError
from enarx.package import manifest
from enarx.protocol import channel
from enarx.protocol.claims import ChannelClaims, report_data
from enarx.seal import envelope, receipt, suite

if TYPE_CHECKING:
    from tests.keep.agent.conftest import NewKeep

    from enarx.tee.simulated.snp import SimulatedSnp

OTHER_NONCE = bytes(32)
STREAMS_TOML = b'files = [{kind = "null"}, {kind = "stdout"}, {kind = "stderr"}]\n'


def test_an_application_runs_and_its_owner_alone_learns_how_it_ended(keep: Keep) -> None:
    """Offer, envelope, channel: output and exit code arrive; the host hears of states."""
    owner = Owner()
    made = deliver(keep, owner, HELLO)
    client = keep.connect(owner, made.content.channel_spki)
    client.attach()
    ended = client.outcome()
    assert (ended.kind, ended.code) == ("exit", 7)
    assert client.out == {"stdout": b"hello\n", "stderr": b"hello\n"}
    keep.until_state("exited")
    digest = manifest.build(HELLO).digest
    assert [(event.state, event.workload_digest) for event in keep.states] == [
        ("offering", ""),
        ("provisioned", digest),
        ("running", digest),
        ("exited", digest),
    ]
    status, _ = keep.ask("status")
    assert (status.state, status.workload_digest) == ("exited", digest)
    client.close()


def test_the_evidence_of_an_offer_is_bound_to_its_claims(keep: Keep, machine: SimulatedSnp) -> None:
    """It verifies under the processor's root, and its report data is the digest of the claims."""
    made = keep.offer()
    parsed = attestation.parse(made.evidence)
    anchors = machine.root.anchors()
    found = attestation.authenticate(
        parsed, parsed.endorsements, anchors=anchors, now=machine.issued
    )
    assert found.claims.report_data == made.report_data == keep.quoted[0]
    assert made.content.nonce == NONCE
    assert tuple(made.content.suites) == suite.KEMS


def test_another_nonce_gets_another_offer_of_the_same_keys(keep: Keep) -> None:
    """A keep that waits quotes again as often as it is asked to."""
    first, second = keep.offer(), keep.offer(OTHER_NONCE)
    assert first.content.suites == second.content.suites
    assert first.content.channel_spki == second.content.channel_spki
    assert first.sha256 != second.sha256
    assert [event.state for event in keep.states] == ["offering"]


def test_keeps_of_one_zygote_have_keys_of_their_own(new_keep: NewKeep) -> None:
    """What is forked from one process shares no random numbers."""
    offers = [new_keep().offer() for _ in range(4)]
    assert len({made.content.channel_spki for made in offers}) == 4
    for kem in suite.KEMS:
        assert len({made.content.suites[kem] for made in offers}) == 4


@pytest.mark.parametrize("kem", suite.KEMS)
def test_the_receipt_names_what_was_delivered(keep: Keep, kem: str) -> None:
    """It is signed by the channel's key, over the package, the offer and the envelope."""
    owner = Owner()
    made = keep.offer()
    sealed = seal(owner.content(HELLO), made, kem)
    _, signed = keep.provision(sealed)
    receipt.verify(
        signed,
        made.content.channel_spki,
        workload_digest=manifest.build(HELLO).digest,
        claims_sha256=made.sha256,
        envelope_sha256=envelope.digest(sealed),
    )
    with pytest.raises(UnauthenticError):
        receipt.verify(
            signed,
            made.content.channel_spki,
            workload_digest=manifest.build(ECHO).digest,
            claims_sha256=made.sha256,
            envelope_sha256=envelope.digest(sealed),
        )


def test_evidence_of_a_connection_is_bound_to_it(keep: Keep, machine: SimulatedSnp) -> None:
    """The report data is the digest of nonce, key, exporter and workload: again and again."""
    owner = Owner()
    made = deliver(keep, owner, ENDLESS)
    client = keep.connect(owner, made.content.channel_spki)
    for nonce in (NONCE, OTHER_NONCE):
        parsed = attestation.parse(client.attest(nonce))
        found = attestation.authenticate(
            parsed, parsed.endorsements, anchors=machine.root.anchors(), now=machine.issued
        )
        digest = manifest.build(ENDLESS).digest
        claims = ChannelClaims(nonce, client.spki, client.exporter(), digest).encode()
        assert found.claims.report_data == report_data(claims)
    client.close()


def test_the_channel_s_certificate_carries_the_offer_s_evidence(keep: Keep) -> None:
    """Who knows nothing but the certificate finds the evidence in it."""
    owner = Owner()
    made = deliver(keep, owner, HELLO)
    client = keep.connect(owner)
    oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.35")
    extension = client.certificate.extensions.get_extension_for_oid(oid).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    assert made.evidence in extension.value
    assert client.spki == made.content.channel_spki
    client.close()


def test_arguments_variables_and_secrets_reach_the_application(keep: Keep) -> None:
    """A secret is a file below /run/secrets; the host saw no byte of it."""
    owner = Owner(secrets={"token": b"canary-secret"}, arguments=("one",), environment={"A": "b"})
    deliver(keep, owner, READS_SECRET)
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 0
    assert client.out["stdout"] == b"canary-secret"
    client.close()


def test_a_secret_reaches_the_place_that_the_configuration_names(keep: Keep) -> None:
    """As a file in a folder of its own, which is the first that is open."""
    owner = Owner(secrets={"db": b"canary-secret"})
    deliver(keep, owner, READS_SECRET, STREAMS_TOML + b'[secrets.db]\nfile = "/etc/app/token"\n')
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 0
    assert client.out["stdout"] == b"canary-secret"
    client.close()


def test_a_secret_is_a_variable_if_the_configuration_says_so(keep: Keep) -> None:
    """After those of the package and of the owner."""
    owner = Owner(secrets={"db": b"canary-secret"}, environment={"A": "b"})
    config = STREAMS_TOML + b'[env]\nC = "d"\n[secrets.db]\nenv = "DB"\n'
    deliver(keep, owner, TELLS_VARIABLES, config)
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 0
    assert client.out["stdout"].endswith(b"\0C=d\0A=b\0DB=canary-secret\0")
    client.close()


def test_an_application_without_a_secret_that_it_needs_does_not_start(keep: Keep) -> None:
    """Its owner learns which one, and nothing has run."""
    owner = Owner()
    deliver(keep, owner, HELLO, STREAMS_TOML + b'[secrets.db]\nenv = "DB"\n')
    client = keep.connect(owner)
    client.attach()
    ended = client.outcome()
    assert ended.kind == "failed"
    assert "'path': 'secrets.db'" in str(ended.encode())
    assert b"hello" not in client.out["stdout"]
    client.close()


def test_input_reaches_the_application_however_much_it_is(keep: Keep) -> None:
    """More than the window goes through it, and the end of input ends the application."""
    owner = Owner()
    deliver(keep, owner, ECHO)
    client = keep.connect(owner)
    client.attach(stdin=True)
    data = bytes(range(256)) * 6000
    send_all(client, data)
    assert client.outcome().code == 0
    assert client.out["stdout"] == data
    client.close()


def send_all(client: Client, data: bytes) -> None:
    """Send input as credit allows, reading what comes meanwhile."""
    while data:
        while not client.credit:
            client.take()
        size = min(client.credit, channel.MAX_BODY)
        client.credit -= size
        client.send(channel.frame(channel.STDIN, data[:size]))
        data = data[size:]
    client.send(channel.frame(channel.STDIN_END))


def test_without_input_it_ends_at_once(keep: Keep) -> None:
    """The option stdin = 0 is an empty input."""
    owner = Owner(options={"stdin": 0})
    deliver(keep, owner, ECHO)
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 0
    client.close()


def test_an_owner_may_leave_and_come_back(keep: Keep) -> None:
    """Output goes on where it was, on another connection."""
    owner = Owner()
    deliver(keep, owner, ECHO)
    first = keep.connect(owner)
    first.attach(stdin=True)
    first.send(channel.frame(channel.STDIN, b"before "))
    while first.out["stdout"] != b"before ":
        first.take()
    first.close()
    second = keep.connect(owner)
    while second.command("status", "status").outcome is not None:
        pass
    attach_for_input(second, stdout=3)
    second.send(channel.frame(channel.STDIN, b"after") + channel.frame(channel.STDIN_END))
    assert second.outcome().code == 0
    assert second.out["stdout"] == b"ore after"
    second.close()


def attach_for_input(client: Client, *, stdout: int) -> None:
    """Attach as the sender, once the one before is seen to be gone."""
    while True:
        number = client.number()
        client.send(channel.attach(number, stdin=True, stdout=stdout, stderr=0))
        notice = client.take()
        if notice is not None and notice.name == "ok":
            return


def test_several_clients_read_the_same(keep: Keep) -> None:
    """Each gets all of the output, and the end."""
    owner = Owner()
    deliver(keep, owner, flood(1 << 20))
    clients = [keep.connect(owner) for _ in range(2)]
    for client in clients:
        client.send(channel.attach(client.number(), stdin=False, stdout=0, stderr=0))
    for client in clients:
        assert client.outcome().code == 0
        assert len(client.out["stdout"]) + client.lost["stdout"] == 1 << 20
        client.close()


def test_one_client_at_a_time_sends_input(keep: Keep) -> None:
    """Another one is told so."""
    owner = Owner()
    deliver(keep, owner, ECHO)
    first, second = keep.connect(owner), keep.connect(owner)
    first.attach(stdin=True)
    positions = {"stdout": 0, "stderr": 0}
    refused = second.command("attach", "refused", stdin=True, **{"from": positions})
    assert "another client" in refused.text
    first.close()
    second.close()


def test_a_slow_client_makes_the_application_wait(keep: Keep) -> None:
    """Nothing is lost and nothing is piled up: the rest stays in the application."""
    owner = Owner(options={"logs_bytes": 1 << 16})
    deliver(keep, owner, flood(1 << 22))
    client = keep.connect(owner)
    client.grants = False
    client.attach()
    while len(client.out["stdout"]) < channel.WINDOW:
        client.take()
    assert client.command("status", "status").state == "running"
    client.grants = True
    granted = channel.control(op="credit", stream="stdout", bytes=channel.WINDOW)
    client.send(granted)
    assert client.outcome().code == 0
    assert (len(client.out["stdout"]), client.lost["stdout"]) == (1 << 22, 0)
    client.close()


def test_output_that_nobody_waited_for_is_said_to_be_lost(keep: Keep) -> None:
    """A detached keep holds the last of it, and says how much there was."""
    owner = Owner(options={"logs_bytes": 1 << 16, "detached": 1})
    deliver(keep, owner, flood(1 << 20))
    keep.until_state("exited")
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().code == 0
    assert (len(client.out["stdout"]), client.lost["stdout"]) == (1 << 16, (1 << 20) - (1 << 16))
    client.close()


def test_stop_is_the_end_of_input_first(keep: Keep) -> None:
    """An application that reads its input ends by itself within the grace."""
    owner = Owner()
    deliver(keep, owner, ECHO)
    client = keep.connect(owner)
    client.attach()
    client.command("stop", "ok", grace_s=20)
    ended = client.outcome()
    assert (ended.kind, ended.code) == ("exit", 0)
    client.close()


def test_stop_ends_what_does_not_listen(keep: Keep) -> None:
    """After the grace it is killed, and the owner is told that it was stopped."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    client = keep.connect(owner)
    client.attach()
    while not client.out["stdout"]:
        client.take()
    keep.ask("stop", grace_s=0)
    ended = client.outcome()
    assert (ended.kind, str(ended.error)) == ("failed", "keep: was stopped")
    assert client.out["stdout"] == b"hello\n"
    client.close()


def test_a_trap_is_the_owner_s_to_know(keep: Keep) -> None:
    """The host hears that it failed, the owner how."""
    owner = Owner()
    deliver(keep, owner, TRAPS)
    keep.until_state("failed")
    client = keep.connect(owner)
    client.attach()
    assert client.outcome().kind == "trap"
    client.close()


def test_a_time_limit_is_the_owner_s_to_know(keep: Keep) -> None:
    """Enarx.toml counts inside the keep."""
    owner = Owner()
    deliver(keep, owner, ENDLESS, b'[limits]\nwall_time = "200ms"\n')
    client = keep.connect(owner)
    client.attach()
    ended = client.outcome()
    assert (ended.kind, ended.which, ended.limit) == ("limit", "wall_time", 0.2)
    client.close()


def test_a_package_that_cannot_run_says_so_to_its_owner(keep: Keep) -> None:
    """A fault in Enarx.toml arrives as the error that it is, and the host learns nothing of it."""
    owner = Owner()
    deliver(keep, owner, HELLO, b"[[files]]\nkind = 3\n")
    client = keep.connect(owner)
    client.attach()
    ended = client.outcome()
    assert ended.kind == "failed"
    assert "Enarx.toml: files[0].kind" in str(ended.error)
    client.close()


def test_a_keep_ends_when_its_time_is_over(keep: Keep) -> None:
    """After keep_s seconds nobody can ask any more, and the process has ended well."""
    owner = Owner(options={"keep_s": 0, "detached": 1})
    deliver(keep, owner, HELLO)
    assert keep.until_over() == 0


def test_deleting_an_ended_keep_is_no_failure(keep: Keep) -> None:
    """A host that closes the link after the end gets a good exit status."""
    owner = Owner()
    deliver(keep, owner, HELLO)
    keep.until_state("exited")
    keep.link.shutdown(2)
    assert keep.until_over() == 0


def test_both_processes_are_locked_in(keep: Keep) -> None:
    """A filter, no new privileges, no capability and no dump, for agent and runtime."""
    owner = Owner()
    deliver(keep, owner, ENDLESS)
    keep.until_state("running")
    for pid in (keep.process.pid, keep.runtime_pid()):
        status = status_of(pid)
        assert status["Seccomp"] == "2"
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0
        assert status["CoreDumping"] == "0"

"""A keep whose evidence comes from inside its guest: agent and quoter as real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.keep.agent.parties import NONCE, Keep, Owner, deliver, file_of
from tests.keep.agent.programs import ECHO
from tests.keep.vm.conftest import ISSUED

from enarx import attestation, frames
from enarx.host.process import start_zygote
from enarx.keep.vm.kernel import REPORTS
from enarx.protocol import agent_link, channel
from enarx.protocol.agent_link import Reply, Request, StateEvent
from enarx.tee.endorsements import AmdCrlNeed, Endorsements
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp

HERE = Path(__file__).parent
Guest = Callable[[str], Keep]


@pytest.fixture
def guest() -> Iterator[Guest]:
    """Start a keep with a quoter of its own; its host is asked for no evidence, and has none."""
    closing: list[Callable[[], None]] = []

    def start(kind: str) -> Keep:
        program = "import guest; from enarx.keep.zygote import serve; "
        program += f"serve(lambda: guest.load({kind!r}))"
        zygote = start_zygote(program=program, path=(str(HERE),))
        keep = Keep(zygote, lambda _: None)
        closing.extend((zygote.close, keep.close))
        return keep

    yield start
    while closing:
        closing.pop()()


def verified(evidence: bytes, root: SimulatedRoot, machine: SimulatedSnp) -> attestation.Authentic:
    """Evidence that needs nothing but the revocation list, which no host's table has."""
    found = attestation.parse(evidence)
    assert found.opened.containers == ("CMW in CBOR",)
    needed = attestation.needs(found, Endorsements(), ISSUED)
    assert [type(need) for need in needed] == [AmdCrlNeed]
    crls = Endorsements(crls=machine.endorsements().crls)
    return attestation.authenticate(found, crls, anchors=root.anchors(), now=ISSUED)


def test_an_offer_and_a_channel_are_proven_from_inside(
    guest: Guest, simulated_root: SimulatedRoot, simulated_snp: SimulatedSnp
) -> None:
    """Both are bound to what the agent made them for, and the host was never asked."""
    keep, owner = guest("working"), Owner()
    made = deliver(keep, owner, ECHO)
    proof = verified(made.evidence, simulated_root, simulated_snp)
    assert proof.claims.report_data == made.report_data
    assert proof.claims.measurements == {"measurement": b"m" * 48}
    client = keep.connect(owner, made.content.channel_spki)
    found = verified(client.attest(NONCE), simulated_root, simulated_snp)
    client.attach(stdin=True)
    client.send(channel.frame(channel.STDIN_END))
    assert client.outcome().code == 0
    client.close()
    assert found.claims.report_data != made.report_data
    assert keep.quoted == []


def test_the_quoter_reaches_nothing_but_its_instance(guest: Guest) -> None:
    """No file elsewhere, no socket, no process; files below its directory open."""
    assert guest("confined").offer().evidence


@pytest.mark.parametrize("kind", ["gone", "refusing"])
def test_without_a_quoter_there_is_no_evidence(guest: Guest, kind: str) -> None:
    """A quoter that cannot or is not there: the offer is refused, and the host is not asked."""
    keep = guest(kind)
    for _ in range(2):
        reply, _ = keep.ask("offer", nonce=NONCE)
        assert (reply.kind, reply.text) == ("unavailable", "no evidence was given")
    assert keep.quoted == []


def test_a_host_that_quotes_unasked_has_lost_the_keep(guest: Guest) -> None:
    """Attack: evidence of the host's, for a request that it guesses."""
    keep = guest("working")
    keep.offer()
    forged = file_of(b"forged")
    frames.send(keep.link, agent_link.encode_reply(Reply(1, size=6), "quote"), (forged,))
    os.close(forged)
    assert os.waitstatus_to_exitcode(keep.until_over()) == 75


def quoter(sock: socket.socket, directory: Path) -> subprocess.Popen[bytes]:
    """The process that a guest's first process forks."""
    start = "from enarx.keep.vm.quoter import main"
    return running(sock, f"{start}; sys.exit(main({sock.fileno()}, {str(directory)!r}))")


def running(sock: socket.socket, program: str) -> subprocess.Popen[bytes]:
    """A process that has *sock* and runs *program*."""
    program = f"import sys; sys.path[:] = {sys.path!r}; {program}"
    command = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.Popen(command, pass_fds=(sock.fileno(),), stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Its exit status, and what it said."""
    _, said = process.communicate(timeout=30)
    return process.returncode, said.decode()


@pytest.fixture
def link() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The agent's end and the quoter's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.settimeout(30)
        yield ours, theirs


def test_a_quoter_serves_until_the_agent_hangs_up(
    tmp_path: Path, link: tuple[socket.socket, socket.socket]
) -> None:
    """It makes its instance, tells why there is no evidence, and ends with the agent."""
    ours, theirs = link
    process = quoter(theirs, tmp_path / "enarx")
    theirs.close()
    for number in (1, 2):
        request = Request("quote", id=number, report_data=bytes(64))
        frames.send(ours, agent_link.encode_request(request))
        reply = agent_link.decode_reply(frames.receive(ours)[0], "quote", 0)
        assert (reply.id, reply.kind) == (number, "unavailable")
        assert reply.text == "configfs-tsm: generation: does not exist (ENOENT)"
    ours.close()
    status, said = ended(process)
    assert (status, said.count("enarx quoter: configfs-tsm: generation")) == (0, 2)
    assert (tmp_path / "enarx").is_dir()


def test_a_quoter_may_write_to_its_instance(
    tmp_path: Path, link: tuple[socket.socket, socket.socket]
) -> None:
    """Its sandbox lets it open attributes to write; a generation that stands still is refused."""
    ours, theirs = link
    (tmp_path / "generation").write_text("7\n")
    (tmp_path / "inblob").write_text("")
    process = quoter(theirs, tmp_path)
    request = Request("quote", id=1, report_data=b"d" * 64)
    frames.send(ours, agent_link.encode_request(request))
    reply = agent_link.decode_reply(frames.receive(ours)[0], "quote", 0)
    assert "others wrote to the report instance" in reply.text
    assert (tmp_path / "inblob").read_bytes() == b"d" * 64
    ours.close()
    theirs.close()
    assert ended(process)[0] == 0


def test_a_quoter_that_nobody_hears_goes_on(
    tmp_path: Path, link: tuple[socket.socket, socket.socket]
) -> None:
    """A log that is gone or full is no reason to give no evidence later."""
    ours, theirs = link
    silent = f"import os; os.close(2); from enarx.keep.vm.quoter import main; p = {str(tmp_path)!r}"
    process = running(theirs, f"{silent}; sys.exit(main({theirs.fileno()}, p))")
    for number in (1, 2):
        request = Request("quote", id=number, report_data=bytes(64))
        frames.send(ours, agent_link.encode_request(request))
        assert agent_link.decode_reply(frames.receive(ours)[0], "quote", 0).id == number
    ours.close()
    theirs.close()
    assert ended(process)[0] == 0


@pytest.mark.parametrize(
    "frame",
    [
        b"nonsense",
        agent_link.encode_request(Request("offer", id=1, nonce=bytes(32))),
        agent_link.encode_state(StateEvent("running", "")),
    ],
)
def test_a_quoter_takes_nothing_but_requests_for_quotes(
    tmp_path: Path, link: tuple[socket.socket, socket.socket], frame: bytes
) -> None:
    """Whoever says anything else is not the agent."""
    ours, theirs = link
    process = quoter(theirs, tmp_path / "enarx")
    frames.send(ours, frame)
    status, said = ended(process)
    assert status == 76, said


@pytest.mark.skipif(Path(REPORTS).exists(), reason="this machine makes reports itself")
def test_the_first_process_knows_where_reports_are_made(
    link: tuple[socket.socket, socket.socket],
) -> None:
    """What a guest's first process forks as its quoter goes to configfs by itself."""
    start = "from enarx.keep.vm import init; _, _, quoter = init._bodies()"
    process = running(link[1], f"{start}; sys.exit(quoter({link[1].fileno()}))")
    status, said = ended(process)
    assert (status, said.count(f"enarx quoter: {REPORTS}/enarx: no report instance")) == (69, 1), (
        said
    )


def test_no_instance(tmp_path: Path, link: tuple[socket.socket, socket.socket]) -> None:
    """Without configfs, or in a guest without a TEE, it says so and ends."""
    process = quoter(link[1], tmp_path / "not mounted" / "enarx")
    status, said = ended(process)
    assert (status, said.count("no report instance: no such file or directory")) == (69, 1)

"""One machine from its start to its end, played and real: every end has its name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.host.vm import roms
from tests.host.vm.conftest import (
    NewMachines,
    children,
    ends,
    launch,
    run,
    until,
)

from enarx.host.keeper.pool import Pool
from enarx.host.reactor import Reactor
from enarx.host.vm.ends import STATUSES

ENDS = {
    "power-off": ("powered-off", "the guest powered off"),
    "panic": ("panicked", "the guest panicked"),
    "triple-fault": ("panicked", "its processor gave up"),
    "internal-error": ("stopped", "its accelerator failed"),
    "complain": ("not-started", "QEMU did not start: qemu: cannot set up guest memory"),
    "refuse": ("not-started", "QEMU did not start: no memory"),
    "crash": ("killed", "QEMU was killed by SIGSEGV"),
    "leave": ("failed", "QEMU ended with exit status 3"),
    "babble": ("failed", "QEMU's monitor: is not JSON"),
    "flood": ("failed", "a line of more than"),
    "violate": ("link-broken", "its link: "),
}


@pytest.mark.parametrize("behaviour", ENDS)
def test_every_end_has_its_name_and_reason(played: NewMachines, behaviour: str) -> None:
    """What QEMU and its guest do is what the host learns, as a kind and a line for people."""
    kind, reason = ENDS[behaviour]
    keep = run(played(behaviour))
    assert keep.end is not None
    assert (keep.end.kind, reason in keep.end.reason) == (kind, True), keep.end
    assert keep.problem == ("" if kind == "powered-off" else keep.end.reason)


def test_a_program_that_is_missing_is_named(machines: NewMachines) -> None:
    """Where QEMU cannot be executed, the reason says which program and why."""
    keep = run(machines(qemu="/nonexistent/qemu"))
    assert keep.end is not None
    assert keep.end.kind == "not-started"
    assert "/nonexistent/qemu: No such file or directory" in keep.end.reason


def test_a_guest_that_does_not_boot_is_ended(played: NewMachines) -> None:
    """Without an open port in time, the machine ends and says how long was waited."""
    keep = run(played("hang", boot_timeout_s=0.3))
    assert keep.end is not None
    assert keep.end.kind == "boot-timeout"
    assert "0.3 s" in keep.end.reason
    assert not keep.booted


def test_the_host_ends_a_machine(played: NewMachines) -> None:
    """A machine that has booted ends when the host says so, which is no problem of its own."""
    machines = played("boot")
    keep = launch(machines)
    until(machines, lambda: keep.booted)
    keep.kill(signal.SIGKILL)
    until(machines, lambda: keep.over)
    assert keep.end is not None
    assert keep.end.kind == "ordered"
    assert keep.problem == ""
    keep.kill(signal.SIGKILL)  # gone: left alone
    keep.close()


def test_an_endless_console_starves_nobody(played: NewMachines) -> None:
    """A guest that writes to its console without end is ended like any other, with a short line."""
    machines = played("shout", console=True)
    keep = launch(machines)
    until(machines, lambda: keep.booted)
    keep.kill(signal.SIGTERM)
    until(machines, lambda: keep.over)
    assert keep.end is not None
    assert keep.end.kind == "ordered"
    assert keep.end.reason.startswith("the host ended it; its console: ")
    assert keep.end.reason.isprintable()
    keep.close()


def test_a_pool_holds_machines(played: NewMachines) -> None:
    """A pool waits for a machine's agent, hands it out, and buries it when the guest has ended."""
    reactor, gone = Reactor(), []
    pool = Pool(reactor, lambda: played("agent"), warm=1, changed=gone.append)
    while not pool.waiting:
        reactor.once(30)
    agent = pool.take()
    assert agent.process.over is False
    agent.kill()
    while agent not in gone:
        reactor.once(30)
    assert agent.process.over
    pool.close()
    reactor.close()


def test_what_a_guest_says_last_arrives(played: NewMachines) -> None:
    """A guest that answers, closes its link and powers off at once has still answered."""
    from enarx import frames
    from enarx.protocol.agent_link import Request, decode_reply, encode_request

    machines = played("agent once")
    keep, broker = machines.launch_agent()
    frames.send(keep.link, encode_request(Request("status", id=1)))
    until(machines, lambda: keep.over)
    data, fds = frames.receive(keep.link)
    assert decode_reply(data, "status", len(fds)).state == "offering"
    assert frames.receive(keep.link) == (b"", [])
    assert keep.end is not None
    assert keep.end.kind == "powered-off"
    broker.close()
    keep.close()


# ── real QEMU ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize(
    ("guest", "kind"), [(roms.off(), "powered-off"), (roms.reset(), "panicked")]
)
def test_a_real_guest_ends_by_itself(machines: NewMachines, guest: bytes, kind: str) -> None:
    """QEMU's own events tell a guest that powered off from one that reset itself."""
    keep = run(machines(guest))
    assert keep.end is not None
    assert keep.end.kind == kind


@pytest.mark.needs("qemu-system-x86_64")
def test_a_real_guests_last_words_are_told(machines: NewMachines) -> None:
    """The last line of the serial port is part of the reason."""
    keep = run(machines(roms.talk(b"first\nKernel panic - not syncing: \x07 oops\n"), console=True))
    assert keep.end is not None
    assert keep.end.reason.endswith("its console: Kernel panic - not syncing: ? oops")


@pytest.mark.needs("qemu-system-x86_64")
def test_a_real_qemu_that_cannot_start_says_why(machines: NewMachines) -> None:
    """The reason has QEMU's own words: here about a firmware of a wrong size."""
    keep = run(machines(b"no firmware"))
    assert keep.end is not None
    assert keep.end.kind == "not-started"
    assert "could not load PC BIOS" in keep.end.reason


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize("victim", ["qemu", "carrier", "machine"])
def test_killing_one_process_leaves_no_other(machines: NewMachines, victim: str) -> None:
    """Whichever process of a machine is killed, the others end, and the host learns of it."""
    made = machines(boot_timeout_s=60)
    keep = launch(made)
    below = started(keep.pid)
    pids = below | {"machine": keep.pid}
    gone = ends(*pids.values())
    os.kill(pids[victim], signal.SIGKILL)
    until(made, lambda: keep.over)
    gone()
    assert keep.end is not None
    assert keep.end.kind == ("failed" if victim == "carrier" else "killed"), keep.end
    keep.close()


_KEEPER = """
import sys; sys.path += {path!r}
from tests.host.vm import roms
from tests.host.vm.conftest import QEMU, plain
from enarx.host.vm.keep import Artefacts, Machines
machines = Machines(QEMU, plain(), Artefacts(firmware=roms.wait()), boot_timeout_s=60)
keep, broker = machines.launch_agent()
print(keep.pid, flush=True)
machines.pump(wait=True)
"""


@pytest.mark.needs("qemu-system-x86_64")
def test_killing_the_keeper_leaves_no_machine() -> None:
    """When the process that started a machine is killed, everything below it ends."""
    path = [entry for entry in sys.path if entry]
    path.append(str(Path(__file__).parents[3]))
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER.format(path=path)], stdout=subprocess.PIPE, text=True
    )
    assert keeper.stdout is not None
    with keeper:
        pid = int(keeper.stdout.readline())
        gone = ends(pid, *started(pid).values())
        keeper.kill()
    gone()


def started(pid: int) -> dict[str, int]:
    """The processes below a machine process, as soon as QEMU is one of them."""
    while "qemu" not in (below := children(pid)):
        os.sched_yield()
    return below


def test_closing_a_launcher_ends_its_machines(played: NewMachines) -> None:
    """A launcher that is closed has waited for every machine; it says why it starts no more."""
    machines = played("boot")
    keeps = [launch(machines) for _ in range(2)]
    until(machines, lambda: all(keep.booted for keep in keeps))
    gone = ends(*(pid for keep in keeps for pid in children(keep.pid).values()))
    machines.close()
    gone()
    machines.close()
    machines.pump()
    assert machines.ended == "was closed"
    for keep in keeps:
        assert keep.over
        assert keep.end is not None
        assert keep.end.kind == "ordered"
        keep.close()


def test_a_keep_that_breaks_its_protocol_is_ended(played: NewMachines) -> None:
    """What a keep did wrong is its problem, and its machine ends."""
    machines = played("boot")
    keep = launch(machines)
    until(machines, lambda: keep.booted)
    gone = ends(keep.pid, *children(keep.pid).values())
    keep.broke("frame: is too long")
    assert keep.over
    assert keep.problem == "broke the protocol of its link: frame: is too long"
    until(machines, lambda: keep.end is not None)
    gone()
    keep.close()


def test_a_guest_that_loses_its_host_ends(played: NewMachines) -> None:
    """When the host closes both links the guest learns of it, and its end is its own."""
    machines = played("agent")
    keep, broker = machines.launch_agent()
    until(machines, lambda: keep.booted)
    broker.close()
    keep.close()
    until(machines, lambda: keep.over)
    assert keep.end is not None
    assert keep.end.kind == "powered-off"


def test_a_process_that_does_not_start_is_known(played: NewMachines) -> None:
    """Where the machine's own process fails at once, its exit status is what is known."""
    keep = run(played("boot", program="raise SystemExit(7)"))
    assert keep.end is not None
    assert (keep.end.kind, keep.end.reason) == ("failed", "its process ended with status 7")


def test_a_launcher_leaves_no_descriptor(played: NewMachines) -> None:
    """Machines that have ended, and a launcher that is closed, hold no descriptor."""
    before = descriptors()
    machines = played("power-off")
    for _ in range(3):
        run(machines)
    machines.close()
    assert machines.ended
    assert descriptors() == before


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_every_kind_of_end_has_its_own_exit_status() -> None:
    """The machine process's exit status alone tells the kinds apart, and none is a shell's."""
    assert len(set(STATUSES.values())) == len(STATUSES)
    assert all(0 <= status < 126 for status in STATUSES.values())

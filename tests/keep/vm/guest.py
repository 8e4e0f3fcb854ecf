"""A guest without its VM: what its first process forks, around a kernel that is played.

Run in a zygote whose keeps of kind "agent" are such guests: an agent, and a quoter of its own that
asks a simulated SEV-SNP.  Agent and quoter are real processes in their real sandboxes.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from kernel import Kernel, Sign  # type: ignore[import-not-found] - run beside this file

from enarx.keep import zygote
from enarx.keep.agent import process
from enarx.keep.engine import engine
from enarx.keep.sandbox.prctl import end_with_parent
from enarx.keep.vm import quoter
from enarx.keep.vm.tsm import Tsm
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.snp.certificate_table import ARK, ASK, VCEK, CertificateTable, Entry, pack_table

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"
ISSUED = datetime(2026, 6, 1, 12, tzinfo=UTC)
OUTSIDE = "/etc/hostname"


def load(kind: str) -> Mapping[str, Callable[..., int]]:
    """What the zygote's keeps run; *kind* says what becomes of the quoter."""
    bodies = dict(zygote._load(("agent",)))
    loaded = engine.preload()
    sign = SIGNS[kind]()
    bodies["agent"] = lambda link, broker: boot(link, broker, loaded, sign)
    return bodies


def boot(link: int, broker: int, loaded: engine.Engine, sign: Sign | None) -> int:
    """Fork the quoter, and be the agent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    if sign is not None and os.fork() == 0:
        end_with_parent(parent)
        os.close(link)
        os.close(broker)
        ours.close()
        instance = os.open(ROOT.parent, os.O_RDONLY | os.O_DIRECTORY)
        quoter.confine(instance)
        os._exit(quoter.serve(theirs, Tsm(Kernel(sign))))
    theirs.close()
    return process.main(link, broker, loaded, ours.detach())


def working() -> Sign:
    """A simulated SEV-SNP whose host has its certificates."""
    root = SimulatedRoot.from_bytes(ROOT.read_bytes())
    machine = SimulatedSnp(root=root, issued=ISSUED)
    pairs = zip((VCEK, ASK, ARK), machine.certificates(), strict=True)
    table = pack_table(CertificateTable(entries=tuple(Entry(guid=g, data=d) for g, d in pairs)))

    def sign(inblob: bytes, _privlevel: int) -> tuple[bytes, bytes]:
        return machine.report(SnpGuest(measurement=b"m" * 48), report_data=inblob), table

    return sign


def refusing() -> Sign:
    """A host that never answers a request."""

    def sign(_inblob: bytes, _privlevel: int) -> tuple[bytes, bytes]:
        raise OSError(errno.ETIMEDOUT, "timed out")

    return sign


def confined() -> Sign:
    """A TEE's driver that reaches out of the quoter's sandbox, which must fail."""
    answer = working()

    def sign(inblob: bytes, privlevel: int) -> tuple[bytes, bytes]:
        for attempt in (lambda: os.open(OUTSIDE, os.O_RDONLY), socket.socket, os.fork):
            try:
                attempt()
            except OSError:
                continue
            os._exit(1)
        os.close(os.open(ROOT, os.O_RDONLY))  # below the instance
        return answer(inblob, privlevel)

    return sign


SIGNS: Mapping[str, Callable[[], Sign | None]] = {
    "confined": confined,
    "gone": lambda: None,
    "refusing": refusing,
    "working": working,
}

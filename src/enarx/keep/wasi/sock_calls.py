"""The ``sock_*`` functions as the guest calls them."""

from __future__ import annotations

from enarx.keep.wasi import abi
from enarx.keep.wasi.errno import INVAL, NOTSOCK, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System
    from enarx.keep.wasi.descriptors import Descriptor


def sock_accept(system: System, fd: int, fdflags: int, out: int) -> int:
    """The next connection of a listening socket, as a new descriptor."""
    descriptor = _socket(system, fd)
    descriptor.require(abi.SOCK_ACCEPT)
    if fdflags & ~abi.FDFLAGS_ALL:
        raise WasiError(INVAL)
    system.memory.span(out, 4)
    system.descriptors.require_room()  # a connection that is taken and dropped is lost
    system.memory.put_u32(out, system.descriptors.insert(descriptor.accept(fdflags)))
    return 0


def sock_recv(
    system: System, fd: int, iovecs: int, count: int, riflags: int, out: int, out_flags: int
) -> int:
    """Receive into the guest's buffers."""
    descriptor = _socket(system, fd)
    descriptor.require(abi.FD_READ)
    memory = system.memory
    memory.span(out_flags, 2)
    size, roflags = descriptor.recv(memory.spans(iovecs, count), riflags)
    memory.put_u32(out, size)
    memory.put(out_flags, roflags.to_bytes(2, "little"))
    return 0


def sock_send(system: System, fd: int, iovecs: int, count: int, siflags: int, out: int) -> int:
    """Send the guest's buffers; preview 1 defines no flags."""
    descriptor = _socket(system, fd)
    descriptor.require(abi.FD_WRITE)
    if siflags:
        raise WasiError(INVAL)
    system.memory.put_u32(out, descriptor.send(system.memory.spans(iovecs, count)))
    return 0


def sock_shutdown(system: System, fd: int, how: int) -> int:
    """End one or both directions."""
    descriptor = _socket(system, fd)
    if how not in {abi.SHUT_RD, abi.SHUT_WR, abi.SHUT_RD | abi.SHUT_WR}:
        raise WasiError(INVAL)
    descriptor.require(abi.SOCK_SHUTDOWN)
    descriptor.shutdown(how)
    return 0


def _socket(system: System, fd: int) -> Descriptor:
    descriptor = system.descriptors.get(fd)
    if descriptor.filetype != abi.SOCKET_STREAM:
        raise WasiError(NOTSOCK)
    return descriptor

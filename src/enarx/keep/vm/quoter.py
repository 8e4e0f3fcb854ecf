"""The quoter: the one process of a guest that asks its TEE for evidence.

It serves one SEQPACKET socket, whose other end the agent holds, with the "quote" request of
``protocol.agent_link``:

    agent -> {"id", "op": "quote", "report_data"}
          <- {"id", "ok": {"size"}} + file (a conceptual message wrapper in CBOR)
          <- {"id", "error": {"kind", "text"}}

It reaches nothing but that socket and one report instance of configfs-tsm.  It knows no secret;
what it hands out is bound to what the agent asked for, or to nothing.
"""

from __future__ import annotations

import os
import socket

from enarx import frames
from enarx.errors import EnarxError, MalformedError, UnavailableError
from enarx.keep import outcome
from enarx.keep.sandbox import prctl
from enarx.keep.sandbox.lockdown import lock_down, preload
from enarx.keep.vm.certificate_table import endorsements_in
from enarx.keep.vm.report_data import technology_of
from enarx.keep.vm.tsm import Directory, Tsm
from enarx.keep.vm.wrapper import wrap
from enarx.protocol.agent_link import Reply, Request, decode_from_keep, encode_reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.vm.tsm import Report

# sysexits.h
_EX_UNAVAILABLE = 69
_EX_SOFTWARE = 70
_EX_PROTOCOL = 76

_MAX_SAID = 900
"""Characters; /dev/kmsg takes records of 1024 bytes."""


def main(sock_fd: int, directory: str) -> int:
    """Be the quoter until the agent hangs up; the exit status.

    The caller has mounted configfs, loaded the guest's driver and started no thread here.

    Args:
        sock_fd: our end of the agent's socket.
        directory: of the report instance, made if it is not there
            ("/sys/kernel/config/tsm/report/enarx").
    """
    try:
        sock = socket.socket(fileno=sock_fd)
        instance = open_instance(directory)
        confine(instance)
        return serve(sock, Tsm(Directory(instance)))
    except EnarxError as error:
        _say(str(error))
        return _EX_UNAVAILABLE
    except Exception as error:  # noqa: BLE001 - a bug, at the outermost edge of this process
        _say(outcome.trace(error))
        return _EX_SOFTWARE


def open_instance(directory: str) -> int:
    """Make a report instance, or take the one that is there: its directory's descriptor.

    Raises:
        UnavailableError: configfs is not mounted there, or no TEE has registered.
    """
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise _no_instance(directory, error) from error
    try:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise _no_instance(directory, error) from error


def confine(instance: int) -> None:
    """Give up everything but what is open and the files below *instance*.

    Raises:
        OSError: the kernel refused what it offers.
    """
    preload()
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    prctl.prctl(prctl.SET_DUMPABLE, 0)
    lock_down(((instance, True),), allow_threads=False)


def serve(sock: socket.socket, tsm: Tsm) -> int:
    """Answer requests, one after the other, until the agent hangs up; the exit status."""
    while True:
        try:
            data, fds = frames.receive(sock, descriptors=0)
            if not data:
                return 0
            request = decode_from_keep(data, len(fds))
        except MalformedError as error:
            _say(str(error))
            return _EX_PROTOCOL
        except OSError:  # the agent is gone
            return 0
        if not isinstance(request, Request):
            _say("the agent sent an event")
            return _EX_PROTOCOL
        try:
            _answer(sock, request, tsm)
        except (BrokenPipeError, ConnectionResetError):
            return 0


def evidence(report: Report) -> bytes:
    """The wrapper of *report*, with the certificates that the host gave.

    Raises:
        MalformedError: the host's certificate table is damaged.
    """
    certificates, crls = endorsements_in(report.auxblob)
    return wrap(report.outblob, technology_of(report.provider), certificates, crls)


def _answer(sock: socket.socket, request: Request, tsm: Tsm) -> None:
    try:
        found = evidence(tsm.quote(request.report_data, privlevel=tsm.privlevel_floor() or None))
    except EnarxError as error:
        _say("; ".join((str(error), *error.hints)))
        refusal = Reply(request.id, kind="unavailable", text=str(error))
        frames.send(sock, encode_reply(refusal, "quote"))
        return
    fd = os.memfd_create("evidence", os.MFD_CLOEXEC)
    try:
        view = memoryview(found)
        while view:
            view = view[os.write(fd, view) :]
        frames.send(sock, encode_reply(Reply(request.id, size=len(found)), "quote"), (fd,))
    finally:
        os.close(fd)


def _no_instance(directory: str, error: OSError) -> UnavailableError:
    problem = os.strerror(error.errno or 0).lower()
    hint = "mount configfs and load sev-guest or tdx-guest first, in a guest that has the TEE"
    return UnavailableError(directory, f"no report instance: {problem}", hints=(hint,))


def _say(text: str) -> None:
    """Tell whoever watches: in a guest that is the kernel's log, a record of it at most."""
    try:
        os.write(2, f"enarx quoter: {text}"[:_MAX_SAID].encode("ascii", "replace") + b"\n")
    except OSError:
        return

"""The 46 functions of WASI preview 1: their signatures, and how a call from the guest arrives.

The engine hands over the address of the argument slots, 16 bytes each; the first slot takes the
result.  Views over slots are kept by address, because the guest's stack has few distinct ones.
Nothing may escape from a callback: ctypes would print the exception and return success.

Source: WASI preview 1 witx, snapshot wasi_snapshot_preview1.
"""

from __future__ import annotations

import ctypes

from enarx.keep.engine.instance import caller_memory, new_trap
from enarx.keep.wasi import abi, fd_calls, path_calls, poll, process, sock_calls
from enarx.keep.wasi.errno import WasiError, from_os_error
from enarx.keep.wasi.memory import NO_MEMORY, GuestMemory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from enarx.keep.engine.instance import HostFunction, Linker
    from enarx.keep.system import System

# name: (parameters, implementation); i is i32, I is i64.  All return an errno but proc_exit.
FUNCTIONS: dict[str, tuple[str, Callable[..., int]]] = {
    "args_get": ("ii", process.args_get),
    "args_sizes_get": ("ii", process.args_sizes_get),
    "clock_res_get": ("ii", process.clock_res_get),
    "clock_time_get": ("iIi", process.clock_time_get),
    "environ_get": ("ii", process.environ_get),
    "environ_sizes_get": ("ii", process.environ_sizes_get),
    "fd_advise": ("iIIi", fd_calls.fd_advise),
    "fd_allocate": ("iII", fd_calls.fd_allocate),
    "fd_close": ("i", fd_calls.fd_close),
    "fd_datasync": ("i", fd_calls.fd_datasync),
    "fd_fdstat_get": ("ii", fd_calls.fd_fdstat_get),
    "fd_fdstat_set_flags": ("ii", fd_calls.fd_fdstat_set_flags),
    "fd_fdstat_set_rights": ("iII", fd_calls.fd_fdstat_set_rights),
    "fd_filestat_get": ("ii", fd_calls.fd_filestat_get),
    "fd_filestat_set_size": ("iI", fd_calls.fd_filestat_set_size),
    "fd_filestat_set_times": ("iIIi", fd_calls.fd_filestat_set_times),
    "fd_pread": ("iiiIi", fd_calls.fd_pread),
    "fd_prestat_dir_name": ("iii", fd_calls.fd_prestat_dir_name),
    "fd_prestat_get": ("ii", fd_calls.fd_prestat_get),
    "fd_pwrite": ("iiiIi", fd_calls.fd_pwrite),
    "fd_read": ("iiii", fd_calls.fd_read),
    "fd_readdir": ("iiiIi", fd_calls.fd_readdir),
    "fd_renumber": ("ii", fd_calls.fd_renumber),
    "fd_seek": ("iIii", fd_calls.fd_seek),
    "fd_sync": ("i", fd_calls.fd_sync),
    "fd_tell": ("ii", fd_calls.fd_tell),
    "fd_write": ("iiii", fd_calls.fd_write),
    "path_create_directory": ("iii", path_calls.path_create_directory),
    "path_filestat_get": ("iiiii", path_calls.path_filestat_get),
    "path_filestat_set_times": ("iiiiIIi", path_calls.path_filestat_set_times),
    "path_link": ("iiiiiii", path_calls.path_link),
    "path_open": ("iiiiiIIii", path_calls.path_open),
    "path_readlink": ("iiiiii", path_calls.path_readlink),
    "path_remove_directory": ("iii", path_calls.path_remove_directory),
    "path_rename": ("iiiiii", path_calls.path_rename),
    "path_symlink": ("iiiii", path_calls.path_symlink),
    "path_unlink_file": ("iii", path_calls.path_unlink_file),
    "poll_oneoff": ("iiii", poll.poll_oneoff),
    "proc_exit": ("i", process.proc_exit),
    "proc_raise": ("i", process.proc_raise),
    "random_get": ("ii", process.random_get),
    "sched_yield": ("", poll.sched_yield),
    "sock_accept": ("iii", sock_calls.sock_accept),
    "sock_recv": ("iiiiii", sock_calls.sock_recv),
    "sock_send": ("iiiii", sock_calls.sock_send),
    "sock_shutdown": ("ii", sock_calls.sock_shutdown),
}

# Views over argument slots; the bound is a guard against a guest that calls from everywhere.
_MAX_VIEWS = 4096
_SLOTS_SIZE = 16 * 10


def bind(linker: Linker, system: System, names: Iterable[str] = FUNCTIONS) -> Escape:
    """Register the functions *names* with *linker*, acting on *system*.

    Those that a program does not import would cost a third of its start.

    Returns:
        Where an exception waits that ended the guest from inside a host function.
    """
    escape = Escape(linker, system)
    narrow, wide = _Views(wide=False), _Views(wide=True)
    for name in names:
        params, function = FUNCTIONS[name]
        callback = _adapter(params, function, system, escape, narrow, wide)
        linker.define(abi.MODULE, name, params, "" if name == "proc_exit" else "i", callback)
    return escape


class Escape:
    """Carries an exception past the engine: out of a callback, over the guest, to the caller."""

    def __init__(self, linker: Linker, system: System) -> None:
        self._linker = linker
        self._system = system
        self.exception: BaseException | None = None

    def found_memory(self, caller: int, exception: BaseException) -> bool:
        """Whether a start section's pointers failed for want of its memory, and it is here now.

        Only the caller knows it so early.  A call whose pointers fail has done nothing yet, so it
        can be made again.
        """
        system, linker = self._system, self._linker
        if system.memory is not NO_MEMORY or not isinstance(exception, WasiError):
            return False
        memory = caller_memory(caller)
        if memory is None:
            return False
        system.memory = GuestMemory(linker.memory_base(memory), lambda: linker.memory_size(memory))
        return True

    def number_of(self, exception: BaseException) -> int | None:
        """The errno for the guest, or None after keeping an exception that must end it."""
        if isinstance(exception, WasiError):
            return exception.code
        if isinstance(exception, OSError):
            return from_os_error(exception)
        self.exception = exception
        return None

    def take(self) -> BaseException | None:
        """The exception, once."""
        exception, self.exception = self.exception, None
        return exception


class _Views(dict[int, memoryview]):
    """Address of argument slots to a view over them, made on first use.

    *wide* views show 64-bit integers, the others 32-bit ones.
    """

    def __init__(self, *, wide: bool) -> None:
        super().__init__()
        self._wide = wide

    def __missing__(self, at: int) -> memoryview:
        if len(self) >= _MAX_VIEWS:
            self.clear()
        octets = memoryview((ctypes.c_char * _SLOTS_SIZE).from_address(at)).cast("B")
        view: memoryview = octets.cast("Q") if self._wide else octets.cast("I")
        self[at] = view
        return view


def _adapter(
    params: str,
    function: Callable[..., int],
    system: System,
    escape: Escape,
    narrow: _Views,
    wide: _Views,
) -> HostFunction:
    """The callback for *function*: arguments out of the slots, the errno into the first."""

    def failed(at: int, exception: BaseException) -> int:
        number = escape.number_of(exception)
        if number is None:
            return new_trap(b"ended by the host")
        narrow[at][0] = number
        return 0

    if params == "iiii":  # fd_read, fd_write, poll_oneoff: spelled out, it halves the overhead

        def call_four(env: int, caller: int, at: int, count: int) -> int:
            try:
                slots = narrow[at]
                slots[0] = function(system, slots[0], slots[4], slots[8], slots[12])
            except BaseException as exception:  # noqa: BLE001 - nothing may pass into ctypes
                if escape.found_memory(caller, exception):
                    return call_four(env, caller, at, count)
                return failed(at, exception)
            return 0

        return call_four

    places = [
        (4 * k, narrow) if letter == "i" else (2 * k, wide) for k, letter in enumerate(params)
    ]

    def call(env: int, caller: int, at: int, count: int) -> int:
        try:
            arguments = [views[at][place] for place, views in places]
            narrow[at][0] = function(system, *arguments)
        except BaseException as exception:  # noqa: BLE001 - nothing may pass into ctypes
            if escape.found_memory(caller, exception):
                return call(env, caller, at, count)
            return failed(at, exception)
        return 0

    return call

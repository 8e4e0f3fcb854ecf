"""zig's C++ library, compiled once more: this time with exceptions, in WebAssembly's encoding.

zig compiles the sources that come with it without.  The archive made here takes the place of its
own libc++ and libc++abi.
"""

from __future__ import annotations

from enarx.languages import zig_toolchain
from enarx.languages.language import Step, Toolchain

FLAGS = (
    "-fwasm-exceptions", *zig_toolchain.EXCEPTIONS,
    "-U_LIBCPP_HAS_FILESYSTEM", "-D_LIBCPP_HAS_FILESYSTEM=1",
)  # fmt: skip
"""Exceptions; file streams are behind the last, which zig sets to 0."""

ARCHIVE = "libc++.a"
TAGS = f"{__file__.rpartition('/')[0]}/cpp_wasi/tags.S"

_LIBRARY = (
    "algorithm", "any", "bind", "call_once", "charconv", "chrono", "error_category", "exception",
    "expected", "filesystem/filesystem_error", "filesystem/path", "fstream", "functional", "hash",
    "ios", "ios.instantiations", "iostream", "locale", "memory", "memory_resource", "new",
    "new_handler", "new_helpers", "optional", "ostream", "print", "random", "random_shuffle",
    "regex", "ryu/d2fixed", "ryu/d2s", "ryu/f2s", "stdexcept", "string", "system_error",
    "typeinfo", "valarray", "variant", "vector", "verbose_abort",
)  # fmt: skip
"""All but threads, and what of <filesystem> calls a system: WASI's C library lacks some of it."""

_ABI = (
    "abort_message", "cxa_aux_runtime", "cxa_default_handlers", "cxa_demangle", "cxa_exception",
    "cxa_exception_storage", "cxa_guard", "cxa_handlers", "cxa_personality", "cxa_vector",
    "cxa_virtual", "fallback_malloc", "private_typeinfo", "stdlib_exception", "stdlib_new_delete",
    "stdlib_stdexcept", "stdlib_typeinfo",
)  # fmt: skip
_C = ("libunwind/src/Unwind-wasm.c", "libc/wasi/libc-top-half/musl/src/setjmp/wasm32/rt.c")
_INCLUDE = ("libcxx/src", "libcxx/libc", "libcxxabi/include", "libcxxabi/src", "libunwind/include")
_DEFINE = (
    "_LIBCPP_BUILDING_LIBRARY", "LIBCXX_BUILDING_LIBCXXABI", "_LIBCXXABI_BUILDING_LIBRARY",
    "_LIBCXXABI_HAS_NO_THREADS", "_LIBUNWIND_HAS_NO_THREADS", "_LIBUNWIND_HIDE_SYMBOLS",
)  # fmt: skip


def _finish(home: str) -> tuple[Step, ...]:
    zig = zig_toolchain.beside(home)
    sources = f"{zig.rpartition('/')[0]}/lib"
    flags = (
        "-O2", "-w", *FLAGS, *(f"-D{name}" for name in _DEFINE),
        *(f"-I{sources}/{folder}" for folder in _INCLUDE),
    )  # fmt: skip
    argv = (
        zig, "build-lib", *zig_toolchain.TARGET, zig_toolchain.WITH_EXCEPTIONS,
        "-lc", "-lc++", "-O", "ReleaseFast",
        "--cache-dir", f"{home}/cache", f"-femit-bin={home}/{ARCHIVE}",
        "-cflags", "-std=c++23", *flags, "--",
        *(f"{sources}/libcxx/src/{name}.cpp" for name in _LIBRARY),
        *(f"{sources}/libcxxabi/src/{name}.cpp" for name in _ABI),
        "-cflags", *flags, "--", *(f"{sources}/{name}" for name in _C),
    )  # fmt: skip
    tidy = ("/bin/rm", "-r", f"{home}/cache")
    return (
        Step(title="compile the C++ library with exceptions", argv=argv),
        Step(title="remove what the compiler kept", argv=tidy),
    )


TOOLCHAIN = Toolchain(
    name="zig-cpp",
    release=zig_toolchain.TOOLCHAIN.release,
    kind="pip",
    pins=(),
    size_mib=zig_toolchain.TOOLCHAIN.size_mib,
    needs=(zig_toolchain.TOOLCHAIN,),
    finish=_finish,
)
"""Nothing to download but zig itself; about half a minute to compile."""

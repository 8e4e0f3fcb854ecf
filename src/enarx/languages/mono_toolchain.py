"""Mono 6.8 of Debian 12: its compiler as it is, and its runtime compiled once more, for WASI.

Mono interprets on WebAssembly in browsers; what it asks of a platform there is written for WASI
in ``mono_wasi``.  The collector scans memory only, so that binaryen, of AssemblyScript's
toolchain, has WebAssembly's locals stored there around calls.
"""

from __future__ import annotations

from enarx.languages import assemblyscript, zig_toolchain
from enarx.languages.language import Pin, Step, Tool, Toolchain

_DATA = f"{__file__.rpartition('/')[0]}/mono_wasi"

_PROGRAMS = ("mono-mcs", "mono-runtime-common", "mono-runtime-sgen")
_ASSEMBLIES = (
    "libmono-corlib4.5-dll", "libmono-security4.0-cil", "libmono-system4.0-cil",
    "libmono-system-configuration4.0-cil", "libmono-system-core4.0-cil",
    "libmono-system-numerics4.0-cil", "libmono-system-xml4.0-cil",
    "libmono-system-xml-linq4.0-cil",
)  # fmt: skip


def _finish(home: str) -> tuple[Step, ...]:
    zig, optimiser = zig_toolchain.beside(home), assemblyscript.optimiser_beside(home)
    argv = ("/bin/sh", f"{_DATA}/build.sh", zig, _DATA, optimiser)
    return (Step(title="compile Mono's runtime for WASI, about five minutes", argv=argv),)


TOOLCHAIN = Toolchain(
    name="mono-wasi",
    release="6.8.0.105",
    kind="deb",
    suite="bookworm",
    pins=tuple(Pin(name=name) for name in (*_PROGRAMS, *_ASSEMBLIES)),
    sources=(
        Pin(
            name="mono",
            hashes=("sha256:6cde75aefc19c55c4dcdae7f22a1f67bdc30f47e41079054bebafeaee3c4d900",),
        ),
    ),
    size_mib=125,
    needs=(zig_toolchain.TOOLCHAIN, assemblyscript.TOOLCHAIN),
    finish=_finish,
)

MONO = Tool(name="mono", programs=("{home}/usr/bin/mono-sgen",))
COMPILER = Tool(name="mcs", programs=("{home}/usr/lib/mono/4.5/mcs.exe",), version=())
RUNTIME = Tool(name="runtime", programs=("{home}/mono.wasm",), version=())


def environment(home: str) -> tuple[tuple[str, str], ...]:
    """What Debian's Mono needs to run in the folder *home* of the toolchain."""
    return (
        ("MONO_PATH", f"{home}/lib"),
        ("MONO_CFG_DIR", f"{home}/etc"),
        ("MONO_GAC_PREFIX", f"{home}/usr"),
        ("LD_LIBRARY_PATH", f"{home}/usr/lib"),
    )

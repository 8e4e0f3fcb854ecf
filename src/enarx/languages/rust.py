"""Rust: by the user's cargo with the standard library for WASI, or by Debian's rustc.

Debian's is of 2022 and is called by itself, without cargo: it compiles programs that use no crates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Language, Pin, Plan, Recipe, Step, Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

_TARGET = "wasm32-wasip1"
_OLD_TARGET = "wasm32-wasi"
"""What the same target was called before Rust 1.78."""

_MAIN = "src/main.rs"

_CARGO = Tool(name="cargo", programs=("cargo",), least=(1, 78))
_RUSTC = Tool(
    name="rustc",
    programs=("rustc",),
    least=(1, 78),
    probe=("--print", "target-libdir", "--target", _TARGET),
)
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_OLD_RUSTC = Tool(
    name="rustc",
    programs=("{home}/usr/bin/rustc", "rustc"),
    least=(1, 63),
    probe=("--print", "target-libdir", "--target", _OLD_TARGET),
    environment=(("LD_LIBRARY_PATH", "{home}/" + _LIBRARIES),),
)

_DEBIAN = Toolchain(
    name="debian-rustc",
    release="1.63",
    kind="deb",
    pins=tuple(
        Pin(name=name)
        for name in (
            "libllvm14",
            "libstd-rust-1.63",
            "libstd-rust-dev",
            "libstd-rust-dev-wasm32",
            "lld-14",
            "rustc",
        )
    ),
    size_mib=128,
)


def _with_cargo(project: Project, found: Mapping[str, Found]) -> Plan:
    release = () if project.profile == "debug" else ("--release",)
    argv = (
        found["cargo"].path, "build", "--target", _TARGET, *release, *project.flags,
        "--target-dir", f"{project.build}/cargo", "--color", "never",
    )  # fmt: skip
    step = Step(title=f"cargo build {project.name}", argv=argv)
    return Plan(steps=(step,), module=f"{project.build}/cargo/{_TARGET}/{project.profile}/*.wasm")


def _with_rustc(project: Project, found: Mapping[str, Found]) -> Plan:
    """One command: rustc finds the modules of the main one."""
    rustc = found["rustc"]
    module = f"{project.build}/app.linked.wasm"
    argv = (
        rustc.path, "--edition", "2021", "--target", _OLD_TARGET, "--crate-name", "app", _MAIN,
        *_how(project, rustc), *project.flags, "-o", module,
    )  # fmt: skip
    libraries = (("LD_LIBRARY_PATH", f"{rustc.home}/{_LIBRARIES}"),) if rustc.home else ()
    return Plan(
        steps=(Step(title=f"compile {_MAIN}", argv=argv, environment=libraries),), module=module
    )


def _how(project: Project, rustc: Found) -> tuple[str, ...]:
    release = ("-C", "opt-level=s", "-C", "lto", "-C", "panic=abort", "-C", "strip=symbols")
    if not rustc.home:
        return () if project.profile == "debug" else release
    linker = f"{rustc.home}/usr/lib/llvm-14/bin/wasm-ld"
    private = (
        "--sysroot",
        f"{rustc.home}/usr",
        "-C",
        f"linker={linker}",
        "-C",
        "linker-flavor=wasm-ld",
    )
    return private if project.profile == "debug" else (*private, *release)


LANGUAGE = Language(
    name="rust",
    title="Rust",
    label="supported",
    target="wasip1",
    marks=("Cargo.toml",),
    recipes=(
        Recipe(
            name="cargo",
            tools=(_CARGO, _RUSTC),
            plan=_with_cargo,
            advice="with rustup: rustup target add wasm32-wasip1",
        ),
        Recipe(
            name="rustc",
            tools=(_OLD_RUSTC,),
            plan=_with_rustc,
            toolchain=_DEBIAN,
            advice="on Debian 12: apt install rustc libstd-rust-dev-wasm32",
        ),
    ),
    templates=("hello", "filter", "http"),
    sockets=True,
    notes=(
        "the toolchain that is installed is Rust 1.63, without cargo: it compiles no crates",
        "no threads; TcpStream::connect has no call in preview 1",
    ),
    leaves=("target",),
)

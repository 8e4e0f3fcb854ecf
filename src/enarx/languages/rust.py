"""Rust: by cargo, the user's own or Debian's newer one, or by Debian's older rustc.

The older one is of 2022 and is called by itself, without cargo: it compiles programs that use no
crates, and is installed in seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import rust_toolchain
from enarx.languages.language import Language, Plan, Recipe, Step, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

_TARGET = "wasm32-wasip1"
_OLD_TARGET = "wasm32-wasi"
"""What the same target was called before Rust 1.78."""

_MAIN = "src/main.rs"

_LIBRARY_PATH = (("LD_LIBRARY_PATH", "{home}/" + rust_toolchain.LIBRARIES),)
_CARGO = Tool(
    name="cargo",
    programs=("{home}/usr/bin/cargo", "cargo"),
    least=(1, 78),
    environment=_LIBRARY_PATH,
)
_RUSTC = Tool(
    name="rustc",
    programs=("{home}/usr/bin/rustc", "rustc"),
    least=(1, 78),
    probe=("--print", "target-libdir", "--target", _TARGET),
    environment=_LIBRARY_PATH,
)
_OLD_RUSTC = Tool(
    name="rustc",
    programs=("{home}/usr/bin/rustc", "rustc"),
    least=(1, 63),
    probe=("--print", "target-libdir", "--target", _OLD_TARGET),
    environment=_LIBRARY_PATH,
)


def _with_cargo(project: Project, found: Mapping[str, Found]) -> Plan:
    release = () if project.profile == "debug" else ("--release",)
    argv = (
        found["cargo"].path, "build", "--target", _TARGET, *release, *project.flags,
        "--target-dir", f"{project.build}/cargo", "--color", "never",
    )  # fmt: skip
    environment = _private_cargo(found["rustc"]) if found["rustc"].home else ()
    step = Step(title=f"cargo build {project.name}", argv=argv, environment=environment)
    return Plan(steps=(step,), module=f"{project.build}/cargo/{_TARGET}/{project.profile}/*.wasm")


def _private_cargo(rustc: Found) -> tuple[tuple[str, str], ...]:
    """What makes cargo use the private compiler, and the linker that came with it."""
    prefix = f"CARGO_TARGET_{_TARGET.upper().replace('-', '_')}"
    return (
        ("LD_LIBRARY_PATH", f"{rustc.home}/{rust_toolchain.LIBRARIES}"),
        ("RUSTC", rustc.path),
        (f"{prefix}_LINKER", f"{rustc.home}/usr/lib/llvm-22/bin/wasm-ld"),
        (f"{prefix}_RUSTFLAGS", "-C linker-flavor=wasm-ld"),
    )


def _with_rustc(project: Project, found: Mapping[str, Found]) -> Plan:
    """One command: rustc finds the modules of the main one."""
    rustc = found["rustc"]
    module = f"{project.build}/app.linked.wasm"
    argv = (
        rustc.path, "--edition", "2021", "--target", _OLD_TARGET, "--crate-name", "app", _MAIN,
        *_how(project, rustc), *project.flags, "-o", module,
    )  # fmt: skip
    libraries = (
        (("LD_LIBRARY_PATH", f"{rustc.home}/{rust_toolchain.LIBRARIES}"),) if rustc.home else ()
    )
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
            toolchain=rust_toolchain.NEW,
            advice="with rustup: rustup target add wasm32-wasip1",
        ),
        Recipe(
            name="rustc",
            tools=(_OLD_RUSTC,),
            plan=_with_rustc,
            toolchain=rust_toolchain.OLD,
            advice="on Debian 12: apt install rustc libstd-rust-dev-wasm32",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "toolchains are installed on Debian 12 for x86-64 only; elsewhere rustup's target is used",
        "crates that compile C need a C compiler for WASI of their own",
        "no threads; TcpStream::connect has no call in preview 1",
    ),
    leaves=("target",),
)

"""Two Rusts of Debian 12, unpacked into a private folder.

The newer one is what Debian builds its browsers with: it has cargo, and no standard library for
WASI, which is compiled once from Debian's source.  The older one has that library, and no cargo
that understands today's registries.
"""

from __future__ import annotations

from enarx.languages.language import Pin, Step, Toolchain

LIBRARIES = "usr/lib/x86_64-linux-gnu"
"""Where the compilers' own libraries are, below the folder."""

_RELEASE = "1.96.0"
_DEBIAN_RELEASE = "1.96.0+dfsg1-1~deb12u2"

_OURS = ("cargo-web", "libstd-rust-web-1.96", "libstd-rust-web-dev", "rust-web-src", "rustc-web")
_THEIRS = (
    "libgit2-1.5", "libhttp-parser2.9", "libllvm22", "libmbedcrypto7", "libmbedtls14",
    "libmbedx509-1", "libssh2-1", "lld-22", "wasi-libc",
)  # fmt: skip
"""What the former load, a linker, and a C library that std is linked with."""

_MAKE_LIBRARY = """\
set -e
home=$PWD
library=$home/usr/lib/rustlib/wasm32-wasip1/lib
export LD_LIBRARY_PATH=$home/usr/lib/x86_64-linux-gnu RUSTC=$home/usr/bin/rustc
export CARGO_HOME=$home/build/home RUSTC_BOOTSTRAP=1 RUSTFLAGS="-C embed-bitcode=yes"
mkdir -p build/src build/.cargo "$library/self-contained"
cd build
cat > Cargo.toml <<END
[package]
name = "nothing"
version = "0.0.0"
edition = "2021"
END
echo '#![no_std]' > src/lib.rs
cat > .cargo/config.toml <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$home/usr/lib/rustlib/src/rust/library/vendor"
END
"$home/usr/bin/cargo" build --quiet --release --offline --target wasm32-wasip1 \\
    -Z build-std=std,panic_abort
cd ..
cp build/target/wasm32-wasip1/release/deps/*.rlib "$library"
rm "$library"/libnothing-*
cp usr/lib/wasm32-wasi/crt1-command.o usr/lib/wasm32-wasi/crt1-reactor.o \\
    usr/lib/wasm32-wasi/libc.a "$library/self-contained"
rm -r build usr/src usr/lib/rustlib/src usr/share
"""
"""Compile std for wasm32-wasip1, which takes unstable options of cargo, and put it where rustc
looks; then throw the sources away."""


def _make_library(_home: str) -> tuple[Step, ...]:
    title = "compile Rust's library for WASI, a minute or two"
    return (Step(title=title, argv=("/bin/sh", "-c", _MAKE_LIBRARY)),)


NEW = Toolchain(
    name="debian-rust",
    release=_RELEASE,
    kind="deb",
    pins=(
        *(Pin(name=name, release=_DEBIAN_RELEASE) for name in _OURS),
        *(Pin(name=name) for name in _THEIRS),
    ),
    size_mib=150,
    finish=_make_library,
)

OLD = Toolchain(
    name="debian-rust",
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

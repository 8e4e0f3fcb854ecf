"""Kotlin's compiler, in one release, with all that it needs at work, and the library for WASI.

Sources: the artifacts of Kotlin 2.4.20, and the dependencies that the compiler's own description
names.
"""

from __future__ import annotations

from enarx.languages.language import Toolchain, maven_pins

_RELEASE = "2.4.20"

_ARTIFACTS = (
    (
        "org.jetbrains.kotlin:kotlin-compiler-embeddable",
        "2.4.20",
        "cf97161430683fb9af96dc6a7017ffae1fe8737b80d12eee11f2fe3e76f8ded8",
    ),
    (
        "org.jetbrains.kotlin:kotlin-build-tools-api",
        "2.4.20",
        "47a622dce7231b1916334b69a00bc1094adf6577e6492f9f06b3d9c2450fe459",
    ),
    (
        "org.jetbrains.kotlin:kotlin-daemon-embeddable",
        "2.4.20",
        "eef72cf8f17e6d98d33e5b7c7e1cab31a1cf5fc34084dd5e563e7b1f3ef53435",
    ),
    (
        "org.jetbrains.kotlin:kotlin-reflect",
        "1.6.10",
        "3277ac102ae17aad10a55abec75ff5696c8d109790396434b496e75087854203",
    ),
    (
        "org.jetbrains.kotlin:kotlin-script-runtime",
        "2.4.20",
        "fc5a19df78be445d84e8352e0d01098a6a8181324aa50c6f7bf850338e81e1b4",
    ),
    (
        "org.jetbrains.kotlin:kotlin-stdlib",
        "2.4.20",
        "2226de463d309d4a5500a481320b3dea515a6981dcae1def531fbc158884e25f",
    ),
    (
        "org.jetbrains.kotlinx:kotlinx-coroutines-core-jvm",
        "1.8.0",
        "9860906a1937490bf5f3b06d2f0e10ef451e65b95b269f22daf68a3d1f5065c5",
    ),
    (
        "org.jetbrains:annotations",
        "13.0",
        "ace2a10dc8e2d5fd34925ecac03e4988b2c0f851650c94b8cef49ba1bd111478",
    ),
    (
        "org.jetbrains.kotlin:kotlin-stdlib-wasm-wasi:klib",
        "2.4.20",
        "519d98bf2d40acb36dd12b6b64f1c8c4c1f60910468d770379b671e2424d3ebd",
    ),
)
"""Group and name, release, SHA-256; the compiler is the first, the library for WASI the last."""

TOOLCHAIN = Toolchain(
    name="kotlin",
    release=_RELEASE,
    kind="maven",
    pins=maven_pins(*_ARTIFACTS),
    size_mib=67,
)

FILES = tuple(pin.maven_file for pin in TOOLCHAIN.pins)
"""In the toolchain's folder: jars, and the library at the end."""

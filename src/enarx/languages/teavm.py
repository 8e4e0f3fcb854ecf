"""TeaVM, in one release, with all that it needs at work: the jars, and what each of them hashes to.

Sources: the artifacts of TeaVM 0.13.1, and the dependencies that its own descriptions name.
"""

from __future__ import annotations

from enarx.languages.language import Toolchain, maven_pins

_RELEASE = "0.13.1"

_ARTIFACTS = (
    (
        "org.teavm:teavm-tooling",
        "0.13.1",
        "b382fd7c02b48c133d27ed4d89047659006c3e275ab97acf3f9d14e432d4cb1a",
    ),
    (
        "org.teavm:teavm-classlib",
        "0.13.1",
        "a250f7baf877767af72634cd3f19d30f2a6b8a3fb16bd3931b99fde1b17cd12d",
    ),
    (
        "org.teavm:teavm-core",
        "0.13.1",
        "b9fe1b008512c8f11ff3efbd9cf2f0565b4bfa76943a9f23910befc0812f7ebf",
    ),
    (
        "org.teavm:teavm-interop",
        "0.13.1",
        "f00f983b986d367799570ab482fee89502915213fe347d361e5bcf1e23a8fa04",
    ),
    (
        "org.teavm:teavm-jso",
        "0.13.1",
        "421b848c79d161c34e9f178d3d37b35e8efaadada487056c3fd3d4d3de1c172c",
    ),
    (
        "org.teavm:teavm-jso-apis",
        "0.13.1",
        "7a7c211dd03dfbca4445ea5e01b70091226d9e52ce7425d675294ef47a76586b",
    ),
    (
        "org.teavm:teavm-jso-impl",
        "0.13.1",
        "335778b447c10a8029d59a413c37b3b499f1c34ef9e25b08d11f2414a511df0a",
    ),
    (
        "org.teavm:teavm-metaprogramming-api",
        "0.13.1",
        "c74a51421913054f434a568f4b13cccc6f832cc5af616837332d7caf4a9eed5b",
    ),
    (
        "org.teavm:teavm-metaprogramming-impl",
        "0.13.1",
        "56f5536c8287288d823af3ab80874eab2968cda6acbbe3f33c5212c88a4eb890",
    ),
    (
        "org.teavm:teavm-platform",
        "0.13.1",
        "ca725f27d0be52d1ddc95e11b63bad8cfe0f66dac9977a46d4089c6282ee1f8e",
    ),
    (
        "org.teavm:teavm-relocated-libs-asm",
        "0.13.1",
        "400496e463dddd878fed2b9b25a66deca2126f71bb68e41f82244b4315006018",
    ),
    (
        "org.teavm:teavm-relocated-libs-asm-analysis",
        "0.13.1",
        "6bb5ef62ab00d557061d9b04dc4571f711fbe11d339783e55029b37b75d5159c",
    ),
    (
        "org.teavm:teavm-relocated-libs-asm-commons",
        "0.13.1",
        "d49685681db5039075f2fde01568f2bb6df14a99ef88d39b29df8e701e12e140",
    ),
    (
        "org.teavm:teavm-relocated-libs-asm-tree",
        "0.13.1",
        "6b475fd62b8ddedfa0808c0c412c311f000a80a13123b6ba07f5da531164fd5b",
    ),
    (
        "org.teavm:teavm-relocated-libs-asm-util",
        "0.13.1",
        "a41247ca7f023959712be0e713d3f2f5687b4dfeda6b112b2d976494d52cdc57",
    ),
    (
        "org.teavm:teavm-relocated-libs-commons-io",
        "0.13.1",
        "5e1a666948a40dada1d3fbce41503bad6ce86035662bf131c8df227b30859a79",
    ),
    (
        "org.teavm:teavm-relocated-libs-hppc",
        "0.13.1",
        "7b82fedf747e0bf5d7a50acece86a8a684901e469165a3c5621c653128df4cd6",
    ),
    (
        "org.teavm:teavm-relocated-libs-rhino",
        "0.13.1",
        "49cedc9bfcdd44d30b8bc8d1d46d78fb7f8f2044b8c85c9c3f1ece33e94ee7e9",
    ),
    (
        "joda-time:joda-time",
        "2.12.2",
        "8d4d807adc8e92a83913d9ccd61e634b4907c78d88f3016d06b3b3d2b4795a02",
    ),
    (
        "com.jcraft:jzlib",
        "1.1.3",
        "89b1360f407381bf61fde411019d8cbd009ebb10cff715f3669017a031027560",
    ),
)
"""Group and name, release, SHA-256; TeaVM's own tooling is the first."""

TOOLCHAIN = Toolchain(
    name="teavm",
    release=_RELEASE,
    kind="maven",
    pins=maven_pins(*_ARTIFACTS),
    size_mib=26,
)

JARS = tuple(pin.maven_file for pin in TOOLCHAIN.pins)
"""Their files, in the toolchain's folder."""

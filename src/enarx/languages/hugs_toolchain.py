"""Hugs 98, an interpreter of Haskell: Debian's source, compiled here for WASI by zig.

Its garbage collector looks for pointers on C's stack, where WebAssembly keeps none of its local
variables: binaryen, which comes with AssemblyScript's compiler, spills them to it.
"""

from __future__ import annotations

from enarx.languages import assemblyscript, zig_toolchain
from enarx.languages.language import Content, Pin, Plan, Step, Tool, Toolchain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

OURS = f"{__file__.rpartition('/')[0]}/hugs"
_SOURCE = "sha256:aafaca9ca544572ebef70bbe86b5eb0abaa5d7c11c0b766d7db72a46b022bed5"
_PACKAGES = ("base", "fgl", "haskell98", "hunit", "mtl", "parsec", "quickcheck", "xhtml")


def _finish(home: str) -> tuple[Step, ...]:
    optimiser = assemblyscript.optimiser_beside(home)
    passes = ("--flatten", "--reorder-locals", "--vacuum", "--spill-pointers", "-O1")
    return (
        Step(
            title="compile Hugs for WASI, about half a minute",
            argv=("/bin/sh", f"{OURS}/build.sh", OURS, zig_toolchain.beside(home)),
        ),
        Step(
            title="show its pointers to its garbage collector",
            argv=(
                *("node", optimiser, "-all", "--disable-compact-imports", *passes),
                *("--translate-to-exnref", "hugs.linked.wasm", "-o", "hugs.wasm"),
            ),
        ),
        Step(title="clean up", argv=("/bin/rm", "-r", "build", "source", "hugs.linked.wasm")),
    )


TOOLCHAIN = Toolchain(
    name="hugs",
    release="98.200609.21",
    kind="deb",
    suite="bookworm",
    pins=(
        *(Pin(name=name) for name in ("hugs", "libreadline8", "libtinfo6")),
        *(Pin(name=f"libhugs-{each}-bundled") for each in _PACKAGES),
    ),
    sources=(Pin(name="hugs98", hashes=(_SOURCE,)),),
    size_mib=8,
    needs=(zig_toolchain.TOOLCHAIN, assemblyscript.TOOLCHAIN),
    finish=_finish,
)

HUGS = Tool(name="hugs", programs=("{home}/hugs.wasm",), version=())


def plan(project: Project, found: Mapping[str, Found], main: str) -> Plan:
    """The sources below *main*'s folder are files of the package, after Hugs has checked them."""
    home = found["hugs"].home
    folder, _, name = main.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    sources = (each for each in project.ending(".hs", ".lhs") if each.startswith(prefix))
    check = Step(
        title=f"check {main}",
        argv=("/bin/sh", f"{OURS}/check.sh", home, name),
        folder=f"{project.folder}/{folder}".rstrip("/"),
    )
    return Plan(
        steps=(check,),
        module=found["hugs"].path,
        contents=(
            Content(source=f"{home}/library/packages", into="hugs/packages"),
            *(Content(source=each, into=f"app/{each.removeprefix(prefix)}") for each in sources),
        ),
        strip=False,
    )

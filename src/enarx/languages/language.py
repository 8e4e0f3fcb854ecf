"""What a language is to a build: how projects are recognised, and what makes WebAssembly of them.

Everything is data.  What is to be run comes out of ``Recipe.plan`` as steps; running them, looking
for programs and reading folders is for others (``adapters``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

Label = Literal["supported", "experimental", "bring your own"]
"""Supported: tested here with a toolchain that can be installed.  Experimental: likewise, with
gaps that are named.  Bring your own: the toolchain is the user's."""

Target = Literal["wasip1", "wasip2"]
Kind = Literal["deb", "maven", "npm", "pip"]
Profile = Literal["debug", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One package of a registry, in one release.

    Args:
        name: of Maven's, "group:artifact", or "group:artifact:type" for what is no jar.
        release: empty for any, of Debian's, of which a distribution has one.
        hashes: as they are checked, "sha256:…" (pip, maven) or "sha512-…" (npm); each is
            right, for machines differ.  Empty for a package that the client authenticates by
            itself (Debian's).
    """

    name: str
    release: str = ""
    hashes: tuple[str, ...] = ()

    @property
    def maven_file(self) -> str:
        """What Maven calls the file of one of its own: "artifact-release.type"."""
        _, artifact, *kind = self.name.split(":")
        return f"{artifact}-{self.release}.{kind[0] if kind else 'jar'}"


def maven_pins(*artifacts: tuple[str, str, str]) -> tuple[Pin, ...]:
    """A pin for each group and name ("group:artifact" or with ":type"), release, and SHA-256."""
    return tuple(
        Pin(name=name, release=release, hashes=(f"sha256:{digest}",))
        for name, release, digest in artifacts
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """What ``enarx build --install-toolchain`` puts into a private folder.

    Args:
        name: of the folder, with *release*: "zig-0.17.1".
        pins: every package, those that others need included: nothing else is installed.
        size_mib: about how much is downloaded, for people.
        finish: the folder to what is run in it at the end; None for nothing.
        suite: of Debian, that its packages come from; empty for the machine's own.
        sources: source packages of the suite, of which upstream's archive is unpacked into
            ``source/NAME``, with its one hash.
        needs: toolchains that are installed first, in folders beside this one's, for *finish*.
    """

    name: str
    release: str
    kind: Kind
    pins: tuple[Pin, ...]
    size_mib: int
    finish: Callable[[str], tuple[Step, ...]] | None = None
    suite: str = ""
    sources: tuple[Pin, ...] = ()
    needs: tuple[Toolchain, ...] = ()

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return f"{self.name}-{self.release}"

    @property
    def title(self) -> str:
        """What is done when it is fetched, for a progress line."""
        return f"install {self.name} {self.release}, about {self.size_mib} MiB"

    def beside(self, home: str) -> str:
        """Its folder, for another toolchain whose folder is *home* and which needs it."""
        return f"{home.rpartition('/')[0]}/{self.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that a build needs.

    Args:
        programs: where it may be, the first that is there counts.  A bare name is looked up in
            PATH; ``{home}`` is the private toolchain's folder, ``{project}`` the project's,
            ``{site}`` the folder of this Python's packages, ``{bin}`` that of its programs.
        version: the arguments that make it print its version; empty for a file that is no program,
            such as an interpreter's module or a jar, which need only be there.
        pattern: a regular expression whose groups are the numbers of the version.
        least: the oldest version that is known to work.
        probe: arguments that make it print the path of something that must exist, such as the
            library of a target; empty for none.
        environment: variables to set for both, if the private toolchain is there; ``{home}`` as
            above.
    """

    name: str
    programs: tuple[str, ...]
    version: tuple[str, ...] = ("--version",)
    pattern: str = r"(\d+)\.(\d+)(?:\.(\d+))?"
    least: tuple[int, ...] = ()
    probe: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A tool on this machine.

    Args:
        path: of the program, absolute.
        version: what it said, as numbers with dots.
        home: the folder of the private toolchain, if the program is that one's; else empty.
    """

    path: str
    version: str
    home: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a program's source.

    Args:
        folder: absolute.
        name: what the program is called: the folder's name.
        sources: every file below it, relative with "/", sorted; what is built, generated or
            fetched is left out.
        profile: debug keeps names and checks.
        flags: more arguments for the compiler, from ``enarx-build.toml``.
    """

    folder: str
    name: str
    sources: tuple[str, ...]
    profile: Profile = "release"
    flags: tuple[str, ...] = ()

    @property
    def build(self) -> str:
        """The folder that steps may write to."""
        return f"{self.folder}/build"

    def ending(self, *suffixes: str) -> tuple[str, ...]:
        """The sources whose names end so, without those of tests and of ``files/``."""
        return tuple(
            source
            for source in self.sources
            if source.endswith(suffixes) and not source.startswith(("files/", "test/", "tests/"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One process of a build.

    Args:
        title: what it does, for a progress line: "compile main.c".
        argv: the first is the program's path.
        folder: to run in; empty for the project's.
        environment: variables to set, beside those of the user.
    """

    title: str
    argv: tuple[str, ...]
    folder: str = ""
    environment: tuple[tuple[str, str], ...] = ()


def compiling(sources: tuple[str, ...], argv: tuple[str, ...]) -> Step:
    """The step that compiles *sources* by one command."""
    what = sources[0] if len(sources) == 1 else f"{len(sources)} files"
    return Step(title=f"compile {what}", argv=argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A file, or all files below a folder, that goes into the package.

    Args:
        source: absolute, or relative to the project.
        into: its place in the package: of the file, or of the folder; empty for the root.
    """

    source: str
    into: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one project becomes a package.

    Args:
        steps: one after the other; none for what needs no compiler.
        module: where the WebAssembly is afterwards, absolute: mostly below ``Project.build``; a
            ``*`` in its name stands for what only the compiler knows.
        contents: what goes into the package beside it and the folder ``files`` of the project,
            such as an interpreter's library and its program.
        strip: whether debugging information is taken out of the module at the end, for compilers
            that leave it in (release only).
    """

    steps: tuple[Step, ...]
    module: str
    contents: tuple[Content, ...] = ()
    strip: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to build: with these tools.

    Args:
        name: what ``--with`` calls it: "zig", "clang".
        tools: all of them are needed.
        files: paths that must exist as well, such as a C library's.
        toolchain: what has them all; None where no registry has it.
        advice: how to come by the tools without it, one line.
        plan: the project and the tools found, by name, to what is to be done.
        marks: a project that has one of these files is built so, and only so, unless it says
            otherwise; empty for a recipe of all other projects of the language.
        target: what it makes; None for what its language mostly does.
    """

    name: str
    tools: tuple[Tool, ...]
    plan: Callable[[Project, Mapping[str, Found]], Plan]
    files: tuple[str, ...] = ()
    toolchain: Toolchain | None = None
    advice: str = ""
    marks: tuple[str, ...] = ()
    target: Target | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language, as ``enarx new`` and ``enarx build`` know it.

    Args:
        name: what ``--lang`` takes: "cpp".
        title: as people write it: "C++".
        target: what most of its recipes make.
        marks: a project of this language has one of these files, or of its recipes' own:
            "Cargo.toml", "src/main.c".
        recipes: ways to build, the preferred one first.
        templates: of ``enarx new``: "hello", "filter", "http" and "client" where sockets work, and
            "handler" where a recipe makes components.
        sockets: whether a program can use a socket that it finds open.
        notes: what does not work, a line each.
        leaves: folders of the language's own tools, which are no source: "node_modules".
    """

    name: str
    title: str
    label: Label
    target: Target
    marks: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    templates: tuple[str, ...] = ("hello", "filter")
    sockets: bool = False
    notes: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    @property
    def all_marks(self) -> tuple[str, ...]:
        """The marks of the language and of its recipes."""
        return self.marks + tuple(mark for recipe in self.recipes for mark in recipe.marks)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What its recipes make, the usual one first."""
        others = (recipe.target for recipe in self.recipes if recipe.target)
        return tuple(dict.fromkeys((self.target, *others)))

    def recipes_for(self, sources: Collection[str]) -> tuple[Recipe, ...]:
        """The recipes of a project with *sources*: those that its files ask for, or the others."""
        asked = tuple(r for r in self.recipes if any(mark in sources for mark in r.marks))
        return asked or tuple(recipe for recipe in self.recipes if not recipe.marks)

"""Libraries from a Maven repository: Maven copies them, what came is held against the pins."""

from __future__ import annotations

import os
from hashlib import file_digest
from xml.sax.saxutils import escape

from enarx.errors import MalformedError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.languages.language import Pin, Toolchain

_PROJECT = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>enarx</groupId>
  <artifactId>toolchain</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""

_DEPENDENCY = """\
    <dependency>
      <groupId>{group}</groupId>
      <artifactId>{artifact}</artifactId>
      <version>{release}</version>
      <type>{kind}</type>
      <exclusions>
        <exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>
      </exclusions>
    </dependency>"""


def project_of(toolchain: Toolchain) -> str:
    """A project that depends on every pin of *toolchain*, and on nothing that those name."""
    return _PROJECT.format(dependencies="\n".join(map(_dependency, toolchain.pins)))


def copy_to(folder: str) -> tuple[str, ...]:
    """Arguments of ``mvn`` that copy what a project depends on into *folder*."""
    return (
        "-Dstyle.color=never",
        "dependency:copy-dependencies",
        "-DexcludeTransitive=true",
        f"-DoutputDirectory={folder}",
    )


def check(toolchain: Toolchain, folder: str) -> None:
    """Hold the files in *folder* against their pins.

    Raises:
        MalformedError: one is not what it was when it was pinned.
        UnavailableError: one is missing.
    """
    for pin in toolchain.pins:
        name = pin.maven_file
        try:
            with open(os.path.join(folder, name), "rb") as file:
                got = f"sha256:{file_digest(file, 'sha256').hexdigest()}"
        except OSError as error:
            raise UnavailableError(name, "Maven ended well and did not copy it") from error
        if got not in pin.hashes:
            hint = "do not use it: empty Maven's local repository of it, and try again"
            problem = f"is another file (got {got}, want {' or '.join(pin.hashes)})"
            raise MalformedError(name, problem, hints=(hint,))


def _dependency(pin: Pin) -> str:
    group, artifact, *kind = map(escape, pin.name.split(":"))
    return _DEPENDENCY.format(
        group=group,
        artifact=artifact,
        release=escape(pin.release),
        kind=kind[0] if kind else "jar",
    )

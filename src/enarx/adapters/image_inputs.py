"""Bring the inputs of a keep image here: from a cache by hash, a folder, or where they are kept.

Debian's packages come from the archives that this system's own apt sources name, or from mirrors
that the caller names; wheels through pip.  Neither is trusted: what has another hash than the lock
says is not used.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.image.inputs import OPTIONAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from enarx.image.inputs import Input

    Tell = Callable[[str], None]

APT_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
_PIP_PLATFORMS = ("manylinux_2_34_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "any")
_TIMEOUT_S = 60.0
_PIP_TIMEOUT_S = 600.0


class Inputs:
    """Where inputs come from.

    Args:
        cache: a folder of files that are named by their hash; made when something is put there.
        folder: one of files by their names, which is asked first; "" for none.
        mirrors: addresses by the name of the archive; an archive without one is looked for in
            this system's apt sources.
        offline: use nothing but the folder and the cache.
    """

    def __init__(
        self,
        cache: Path,
        *,
        folder: str = "",
        mirrors: Mapping[str, str] | None = None,
        offline: bool = False,
        tell: Tell = lambda _: None,
    ) -> None:
        self._cache = cache
        self._folder = folder
        self._mirrors = {**system_mirrors(), **(mirrors or {})}
        self._offline = offline
        self._tell = tell

    def read(self, inputs: Iterable[Input]) -> Mapping[Input, bytes]:
        """The bytes of each; what is optional may be missing from the answer.

        Raises:
            MisconfiguredError: a file of the folder is another one, or no mirror is known.
            UnavailableError: one cannot be had.
        """
        found: dict[Input, bytes] = {}
        for each in inputs:
            try:
                found[each] = self._one(each)
            except (MisconfiguredError, UnavailableError) as error:
                if each.role not in OPTIONAL:
                    raise
                self._tell(f"{error.message}; the image will have no {each.role}")
        return found

    def _one(self, each: Input) -> bytes:
        name = each.file.rpartition("/")[2]
        if self._folder:
            with suppress(OSError):
                return _checked(Path(self._folder, name).read_bytes(), each, str(self._folder))
        kept = self._cache / each.sha256
        with suppress(OSError, UnavailableError):
            return _checked(kept.read_bytes(), each, str(kept))
        if self._offline:
            hint = "leave out --offline, or put the file into the folder of --inputs"
            raise UnavailableError(name, "is not here", hints=(hint,))
        self._tell(f"fetching {name}")
        data = _checked(self._fetch(each), each, name)
        self._keep(kept, data)
        return data

    def _fetch(self, each: Input) -> bytes:
        if each.kind == "wheel":
            return _pip(each)
        if each.archive not in self._mirrors:
            hint = f"name one: --mirror {each.archive}=URL, or put {each.file} into --inputs"
            raise MisconfiguredError(
                each.name, f"no mirror of {each.archive} is known", hints=(hint,)
            )
        address = f"{self._mirrors[each.archive].rstrip('/')}/{each.file}"
        try:
            answer = httpx.get(address, timeout=_TIMEOUT_S, follow_redirects=True)
        except httpx.HTTPError as error:
            raise UnavailableError(address, str(error) or "did not answer") from error
        if answer.status_code != httpx.codes.OK:
            raise UnavailableError(address, f"answered {answer.status_code}", hints=(_MOVED,))
        return answer.content

    def _keep(self, place: Path, data: bytes) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._cache, delete=False) as file:
            file.write(data)
        os.replace(file.name, place)


_MOVED = (
    "the archive may have a newer release: pin what there is with enarx image lock, "
    "which changes what the image measures"
)


def _checked(data: bytes, each: Input, where: str) -> bytes:
    got = hashlib.sha256(data).hexdigest()
    if got != each.sha256:
        problem = f"{each.name}: got sha256 {got}, want {each.sha256}"
        raise UnavailableError(where, problem, hints=("something else was served or stored there",))
    return data


def _pip(each: Input) -> bytes:
    """A wheel, with the hash checked by pip as well."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"{each.name}=={each.release} --hash=sha256:{each.sha256}\n")
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--only-binary", ":all:", "--require-hashes", "--python-version", "3.11",
            "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none",
            *(part for name in _PIP_PLATFORMS for part in ("--platform", name)),
            "--dest", folder, "--requirement", str(wanted),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError("pip", f"cannot fetch {each.name}: {error}") from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            problem = (lines or ["failed"])[-1].removeprefix("ERROR: ")
            raise UnavailableError(
                "pip", f"cannot fetch {each.name}: {problem}", hints=(_PIP_HINT,)
            )
        return Path(folder, each.file).read_bytes()


_PIP_HINT = "pip must be able to reach a package index; or put the wheel into --inputs"


def system_mirrors() -> Mapping[str, str]:
    """The archives of this system's apt sources by the last part of their addresses."""
    found: dict[str, str] = {}
    for place in APT_SOURCES:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        for file in files:
            with suppress(OSError, UnicodeDecodeError):
                for address in _ADDRESS.findall(file.read_text()):
                    found.setdefault(address.rstrip("/").rpartition("/")[2], address)
    return found


_ADDRESS = re.compile(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+)", re.MULTILINE)

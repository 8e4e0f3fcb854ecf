"""Where an image's inputs come from, and that only their hashes count."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.adapters import image_inputs
from enarx.adapters.image_inputs import Inputs
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.image.inputs import Input

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = b"a package"
ONE = Input(
    role="library",
    kind="deb",
    name="zlib1g",
    release="1",
    archive="debian",
    file="pool/z/zlib1g_1_amd64.deb",
    size=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
)


class Archive(BaseHTTPRequestHandler):
    """Has one package, and a file that is another one."""

    asked: list[str]

    def do_GET(self) -> None:
        """One request."""
        self.asked.append(self.path)
        found = {"/debian/pool/z/zlib1g_1_amd64.deb": DATA, "/bad/" + ONE.file: b"another"}
        body = found.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def archive() -> Iterator[tuple[str, list[str]]]:
    """An archive's address, and what it was asked for."""
    asked: list[str] = []
    handler = type("Handler", (Archive,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_fetched_once(archive: tuple[str, list[str]], tmp_path: Path) -> None:
    """Then it is in the cache, under its hash, and nobody is asked."""
    url, asked = archive
    said: list[str] = []
    source = Inputs(tmp_path / "cache", mirrors={"debian": f"{url}/debian"}, tell=said.append)
    assert source.read([ONE]) == {ONE: DATA}
    assert source.read([ONE]) == {ONE: DATA}
    assert asked == ["/debian/pool/z/zlib1g_1_amd64.deb"]
    assert said == ["fetching zlib1g_1_amd64.deb"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [ONE.sha256]
    assert Inputs(tmp_path / "cache", offline=True).read([ONE]) == {ONE: DATA}


def test_another_file_is_refused_and_not_kept(
    archive: tuple[str, list[str]], tmp_path: Path
) -> None:
    """Attack: the mirror serves something else."""
    source = Inputs(tmp_path / "cache", mirrors={"debian": f"{archive[0]}/bad"})
    with pytest.raises(UnavailableError, match=f"got sha256 .* want {ONE.sha256}"):
        source.read([ONE])
    assert not (tmp_path / "cache").exists()


def test_a_release_that_is_gone(archive: tuple[str, list[str]], tmp_path: Path) -> None:
    """The hint says how to go on."""
    source = Inputs(tmp_path / "cache", mirrors={"debian": f"{archive[0]}/old/"})
    with pytest.raises(UnavailableError, match="answered 404") as caught:
        source.read([ONE])
    assert "enarx image lock" in caught.value.hints[0]


def test_a_mirror_that_does_not_answer(tmp_path: Path) -> None:
    """The world is at fault."""
    source = Inputs(tmp_path / "cache", mirrors={"debian": "http://127.0.0.1:1"})
    with pytest.raises(UnavailableError):
        source.read([ONE])


def test_a_damaged_cache_is_fetched_anew(archive: tuple[str, list[str]], tmp_path: Path) -> None:
    """What lies there counts only with its hash."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / ONE.sha256).write_bytes(b"another")
    source = Inputs(cache, mirrors={"debian": f"{archive[0]}/debian"})
    assert source.read([ONE]) == {ONE: DATA}
    assert (cache / ONE.sha256).read_bytes() == DATA


def test_a_folder_comes_first(tmp_path: Path) -> None:
    """For builders without a network; another file in it is an error, not passed over."""
    (tmp_path / "zlib1g_1_amd64.deb").write_bytes(DATA)
    source = Inputs(tmp_path / "cache", folder=str(tmp_path), offline=True)
    assert source.read([ONE]) == {ONE: DATA}
    (tmp_path / "zlib1g_1_amd64.deb").write_bytes(b"another")
    with pytest.raises(UnavailableError, match="got sha256"):
        source.read([ONE])


def test_offline_without_the_file(tmp_path: Path) -> None:
    """Which one is missing."""
    with pytest.raises(UnavailableError, match=r"zlib1g_1_amd64\.deb: is not here"):
        Inputs(tmp_path, offline=True).read([ONE])


def test_what_is_optional_may_be_missing(tmp_path: Path) -> None:
    """The image is then for fewer platforms, and that is said."""
    said: list[str] = []
    optional = replace(ONE, role="firmware-snp")
    assert Inputs(tmp_path, offline=True, tell=said.append).read([optional]) == {}
    assert said == ["zlib1g_1_amd64.deb: is not here; the image will have no firmware-snp"]


def test_an_archive_that_nobody_named(tmp_path: Path) -> None:
    """A system that is no Debian has no mirror of it."""
    elsewhere = replace(ONE, archive="elsewhere")
    with pytest.raises(MisconfiguredError, match="no mirror of elsewhere is known") as caught:
        Inputs(tmp_path).read([elsewhere])
    assert "--mirror elsewhere=URL" in caught.value.hints[0]


def test_mirrors_of_the_systems_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of apt's lists are read; the first address of an archive counts."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/debian x main\n"
        "deb [signed-by=/k] http://a.example/debian/ x main\n"
    )
    (folder / "b.sources").write_text("Types: deb\nURIs: https://b.example/debian-security\n")
    (folder / "c.list").write_text("deb http://c.example/debian x main\n")
    places = (tmp_path / "sources.list", folder, tmp_path / "none")
    monkeypatch.setattr(image_inputs, "APT_SOURCES", places)
    found = image_inputs.system_mirrors()
    assert found == {
        "debian": "http://a.example/debian/",
        "debian-security": "https://b.example/debian-security",
    }


def test_a_wheel_that_no_index_has(tmp_path: Path) -> None:
    """What pip says, in one line."""
    wheel = replace(ONE, kind="wheel", archive="", file="a.whl", name="enarx-no-such-thing")
    with pytest.raises(UnavailableError, match="cannot fetch enarx-no-such-thing"):
        Inputs(tmp_path).read([wheel])

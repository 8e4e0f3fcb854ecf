"""Compiled code of an earlier run is used, and only if it is exactly what that run left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Ended, Wasm

FUEL = (
    '[[files]]\nkind = "stdin"\n[[files]]\nkind = "stdout"\n[[files]]\nkind = "stderr"\n'
    "[limits]\nfuel = 1000000\n"
)


class Cache:
    """A cache of the test's own, and runs of hello that say whether they compiled."""

    def __init__(self, enarx: Enarx, hello: Path, folder: Path) -> None:
        self._enarx = enarx
        self._hello = hello
        self._home = folder / "cache"
        self.folder = self._home / "enarx" / "aot"

    def run(self, *options: str | Path) -> Ended:
        """One run, with its events on stderr."""
        home = str(self._home)
        ended = self._enarx("run", *options, self._hello, XDG_CACHE_HOME=home, ENARX_LOG="info")
        assert (ended.status, ended.out) == (0, b"hello\n"), ended.err
        return ended

    def compiled(self, *options: str | Path) -> bool:
        """Whether one run compiled; it says hello in any case."""
        return "compiling" in self.run(*options).err

    def code(self) -> Path:
        """The one file of compiled code there is."""
        (found,) = self.folder.glob("*.cwasm")
        return found


@pytest.fixture
def cache(enarx: Enarx, hello: Path, tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(enarx, hello, tmp_path)


def test_the_second_run_does_not_compile(cache: Cache) -> None:
    """Nor does the third."""
    assert [cache.compiled() for _ in range(3)] == [True, False, False]


def test_without_a_cache_nothing_is_kept(cache: Cache) -> None:
    """--no-cache compiles each time and leaves no file."""
    assert [cache.compiled("--no-cache") for _ in range(2)] == [True, True]
    assert not cache.folder.exists()


def test_other_settings_have_other_code(cache: Cache, tmp_path: Path) -> None:
    """Code that counts fuel is not the code that does not."""
    (tmp_path / "fuel.toml").write_text(FUEL)
    counting = ("--wasmcfgfile", tmp_path / "fuel.toml")
    runs = [cache.compiled(), cache.compiled(*counting), cache.compiled(*counting)]
    assert (runs, cache.compiled()) == ([True, True, False], False)


def test_another_program_has_other_code(cache: Cache, program: Wasm) -> None:
    """One byte more in the application is another application."""
    cache.run()
    program('(func (export "_start") call $hello nop)', "hello.wasm")
    assert cache.compiled()


def flip(code: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(code.read_bytes())
    data[len(data) // 2] ^= 1
    code.write_bytes(data)


def truncate(code: Path) -> None:
    """Lose the second half."""
    os.truncate(code, code.stat().st_size // 2)


def empty(code: Path) -> None:
    """Lose everything."""
    os.truncate(code, 0)


def link(code: Path) -> None:
    """Put a link to the same bytes in its place."""
    code.rename(code.with_name("elsewhere"))
    code.symlink_to("elsewhere")


def share(code: Path) -> None:
    """Let others write to it."""
    code.chmod(0o666)


def remove(code: Path) -> None:
    """Leave the note without the code."""
    code.unlink()


def garble_note(code: Path) -> None:
    """Leave the code without a note that means anything."""
    next(code.parent.glob("*.json")).write_text("{")


def forget_key(code: Path) -> None:
    """Give the cache another key, as one copied from another machine has."""
    (code.parent / "key").write_bytes(os.urandom(32))


@pytest.mark.parametrize(
    "damage",
    [flip, truncate, empty, link, share, remove, garble_note, forget_key],
    ids=lambda damage: damage.__name__,
)
def test_damage_is_compiled_anew(cache: Cache, damage: Callable[[Path], None]) -> None:
    """What was tampered with is not loaded; the run compiles, works, and mends the cache."""
    cache.run()
    damage(cache.code())
    assert [cache.compiled(), cache.compiled()] == [True, False]


def test_code_of_another_program_under_this_name(
    cache: Cache, program: Wasm, tmp_path: Path
) -> None:
    """Files exchanged between two entries are loaded for neither."""
    cache.run()
    hello = cache.code()
    kept = hello.read_bytes()
    shutil.rmtree(cache.folder)
    program('(func (export "_start") unreachable)', "hello.wasm")
    cache._enarx("run", tmp_path / "hello.wasm", XDG_CACHE_HOME=str(tmp_path / "cache"))
    cache.code().write_bytes(kept)
    ended = cache._enarx("run", tmp_path / "hello.wasm", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert ended.status == 134


def test_a_folder_that_others_may_write_is_not_used(cache: Cache) -> None:
    """Neither read nor written; the run works."""
    cache.run()
    cache.folder.chmod(0o777)
    assert [cache.compiled(), cache.compiled()] == [True, True]


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc"])
def test_a_place_where_no_cache_can_be(enarx: Enarx, hello: Path, place: str) -> None:
    """The run works without, and says nothing."""
    ended = enarx("run", hello, XDG_CACHE_HOME=place)
    assert (ended.status, ended.out, ended.err) == (0, b"hello\n", "")

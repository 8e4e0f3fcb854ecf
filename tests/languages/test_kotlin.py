"""What Kotlin's library for WASI lacks is there, and a main function is called as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.languages.conftest import Build, Enarx

pytestmark = pytest.mark.slow

PROGRAM = """\
import enarx.wasi.*

fun main() {
    println("${arguments} ${environment["NAME"]}")
    println(standardInput.readAll().decodeToString())
    open("/scratch/./a", Mode.WRITING).use { it.write(ByteArray(200_000) { 7 }) }
    open("scratch/a", Mode.APPENDING).use { it.write("ü") }
    val all = readFile("/scratch/a")
    println("${all.size} ${all[199_999]} ${all.decodeToString(200_000)}")
    writeFile("/scratch/a", byteArrayOf(1))
    println(readFile("/scratch/a").size)
    removeFile("/scratch/a")
    for (path in listOf("/scratch/a", "/nowhere/a")) {
        try { readFile(path) } catch (error: WasiException) { println(error.message) }
    }
    val one = ByteArray(100).also(::randomBytes)
    println("differ ${!one.contentEquals(ByteArray(100).also(::randomBytes))}")
    try {
        println(one[arguments.size + 99])
    } catch (_: IndexOutOfBoundsException) {
        println("outside")
    }
    if (arguments.size == 1) error("thrown by main")
    exit(arguments[1].toInt())
}
"""
SCRATCH = '\n[[mounts]]\npath = "/scratch"\nsource = "scratch"\n'
SAID = """\
grüß
200002 7 ü
1
path_open of /scratch/a failed: WASI error 44
path_open of /nowhere/a failed: WASI error 44
differ true
outside
"""
NO_MAIN = "error: there is no main function that can be called"


def test_what_the_library_lacks(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """Arguments, environment, bytes, files, randomness, exit; what main throws is told."""
    assert enarx("new", "--lang", "kotlin", "app").returncode == 0
    app = tmp_path / "app"
    (app / "Main.kt").write_text(PROGRAM)
    with (app / "Enarx.toml").open("a") as config:
        config.write(SCRATCH)
    build("app")
    done = enarx("run", "--env", "NAME=ü", "app", "a", stdin="grüß".encode())
    assert done.stdout.decode() == "[a] ü\n" + SAID
    told = b'Exception in thread "main" IllegalStateException: thrown by main\n'
    assert (done.returncode, done.stderr) == (1, told)
    done = enarx("run", "--env", "NAME=ü", "app", "a", "9", stdin="grüß".encode())
    assert done.stdout.decode() == "[a, 9] ü\n" + SAID
    assert (done.returncode, done.stderr) == (9, b"")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ('fun main() = printn("x")', "Main.kt:1:14: error: unresolved reference 'printn'."),
        ("package a\nfun main() {}", NO_MAIN),
        ("suspend fun main() {}", NO_MAIN),
        ("private fun main() {}", NO_MAIN),
    ],
    ids=["mistake", "package", "suspend", "private"],
)
def test_mistakes_are_named(
    program: str, said: str, tmp_path: Path, enarx: Enarx, build: Build
) -> None:
    """The compiler's word comes first, and no package is left."""
    assert enarx("new", "--lang", "kotlin", "app").returncode == 0
    build("app")
    (tmp_path / "app" / "Main.kt").write_text(program)
    done = enarx("build", "app")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(said)
    assert not (tmp_path / "app" / "build" / "package.tar").exists()


def test_the_program_is_the_same_each_time(enarx: Enarx, build: Build) -> None:
    """Built again, the digest is the same."""
    assert enarx("new", "--lang", "kotlin", "app").returncode == 0
    digest = build("app").built["digest"]
    assert build("app", "--again").built["digest"] == digest

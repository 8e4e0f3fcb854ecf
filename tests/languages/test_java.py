"""What TeaVM leaves empty for WASI does here what it does anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.languages.conftest import Build, Enarx

pytestmark = pytest.mark.slow

PROGRAM = """\
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.security.SecureRandom;
import java.util.Arrays;

final class Main {
    public static void main(String[] arguments) throws Exception {
        System.out.println(System.in.read() + " " + System.in.read() + " " + System.in.read());
        System.out.println(System.getenv("NAME") + " " + System.getenv().containsKey("NAME"));
        long before = System.nanoTime();
        Thread.sleep(50);
        System.out.println("slept " + (System.nanoTime() - before >= 50_000_000));
        Thread other = new Thread(() -> System.out.println("another thread"));
        other.start();
        other.join();
        byte[] one = new byte[100], two = new byte[100];
        new SecureRandom().nextBytes(one);
        new SecureRandom().nextBytes(two);
        System.out.println("differ " + !Arrays.equals(one, two));
        Files.write(Paths.get("/scratch/a"), new byte[] {1, 2, 3});
        System.out.println("written " + Files.readAllBytes(Paths.get("/scratch/a")).length);
        System.out.println(Double.isNaN(0.0 / arguments.length) + " " + Math.pow(2, 0.5));
        if (arguments.length == 0) {
            throw new IOException("thrown by main");
        }
        System.exit(Integer.parseInt(arguments[0]));
    }
}
"""
SCRATCH = '\n[[mounts]]\npath = "/scratch"\nsource = "scratch"\n'
SAID = """\
97 98 -1
ü true
slept true
another thread
differ true
written 3
true 1.4142135623730951
"""


def test_the_class_library(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """Input, environment, time, threads, randomness, files, exit; what main throws is told."""
    assert enarx("new", "--lang", "java", "app").returncode == 0
    app = tmp_path / "app"
    (app / "Main.java").write_text(PROGRAM)
    with (app / "Enarx.toml").open("a") as config:
        config.write(SCRATCH)
    build("app")
    done = enarx("run", "--env", "NAME=ü", "app", stdin=b"ab")
    assert done.stdout.decode() == SAID
    assert done.returncode == 1
    assert done.stderr.startswith(b'Exception in thread "main" java.io.IOException: thrown by main')
    done = enarx("run", "--env", "NAME=ü", "app", "9", stdin=b"ab")
    assert (done.returncode, done.stderr) == (9, b"")


def test_what_the_library_lacks_is_named(tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """A class that TeaVM does not have ends the build; a debug build says where it is used."""
    assert enarx("new", "--lang", "java", "app").returncode == 0
    build("app")
    program = 'java.security.MessageDigest.getInstance("SHA-256")'
    main = f"public static void main(String[] a) throws Exception {{ {program}; }}"
    (tmp_path / "app" / "Main.java").write_text(f"final class Main {{ {main} }}\n")
    done = enarx("build", "--debug", "app")
    assert done.returncode == 1
    assert b"error: Class java.security.MessageDigest was not found" in done.stderr
    assert b"Main.java:1" in done.stderr
    assert not (tmp_path / "app" / "build" / "package.tar").exists()

"""Options and configurations that are wrong, and what they say."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Ended

MOUNT_FORM = r"want DIR:PATH, DIR:PATH:ro or DIR:PATH:rw"
SEE = "hint: see what this machine offers: enarx platform info"


def configured(enarx: Enarx, folder: Path, text: str, *words: str) -> Ended:
    """Run hello with *text* as its configuration."""
    (folder / "c.toml").write_text(text)
    return enarx("run", "--wasmcfgfile", "c.toml", *words, "hello.wasm")


WRONG = {
    "an unknown key": ("foo = 1", "foo: unknown key", "known here: .*"),
    "a mistyped key": (
        '[[files]]\nkind = "listen"\nname = "x"\nprto = "tcp"',
        r"files\[0\].prto: unknown key",
        "did you mean 'prot'\\?",
    ),
    "a mistyped value": (
        '[[files]]\nkind = "listn"',
        r'files\[0\].kind: got "listn", want "null", .*',
        "did you mean 'listen'\\?",
    ),
    "a value of another type": ("args = 'x'", 'args: got "x", want an array', None),
    "a port that is none": (
        '[[files]]\nkind = "connect"\nhost = "h"\nport = 65536',
        r"files\[0\].port: got the integer 65536, want an integer from 0 to 65535",
        None,
    ),
    "no TOML": ("not toml", "not TOML: line 1, column 5: .*", None),
    "files that the package does not have": (
        '[[mounts]]\npath = "/data"',
        r"mounts\[0\]: the package has no files",
        "put files beside main.wasm, .*",
    ),
    "a mount outside": (
        '[[mounts]]\npath = "/../data"\nsource = "scratch"',
        r'mounts\[0\].path: got "/../data", want an absolute path .*',
        None,
    ),
    "a folder outside": (
        '[[mounts]]\npath = "/data"\nfrom = "../secret"',
        r'mounts\[0\].from: got "../secret", want a relative path .*',
        None,
    ),
    "a mount onto another": (
        '[[mounts]]\npath = "/d"\nsource = "scratch"\n' * 2,
        r'mounts\[1\].path: "/d" is mounted twice',
        None,
    ),
    "a limit of nothing": ("[limits]\nfuel = 0", "limits.fuel: got the integer 0, want .*", None),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_configuration_that_is_wrong(
    enarx: Enarx, hello: Path, tmp_path: Path, name: str
) -> None:
    """File, key path, what was found, what was wanted; status 4."""
    text, error, hint = WRONG[name]
    lines = [f"error: c.toml: {error}", *([f"hint: {hint}"] if hint else [])]
    assert hello
    configured(enarx, tmp_path, text).refuses(4, *lines)


@pytest.mark.parametrize(
    "mount",
    [".", ".:data", ".:/x/", ".:/x/../y", ".:/x:rx", ":/x", ":", ".://x"],
)
def test_a_mount_that_is_not_written_well(enarx: Enarx, hello: Path, mount: str) -> None:
    """The form is told, with what was given."""
    enarx("run", "--mount", mount, hello).refuses(
        4, f"error: --mount: got '{mount}', {MOUNT_FORM}", "hint: PATH is where .*"
    )


def test_mounts_that_cannot_be(enarx: Enarx, hello: Path) -> None:
    """Not there, not a folder, one of the kernel's own, two at one place."""
    hint = "hint: .*"
    enarx("run", "--mount", "nothing:/x", hello).refuses(
        4, "error: --mount: cannot open nothing: no such file or directory", hint
    )
    enarx("run", "--mount", f"{hello}:/x", hello).refuses(
        4, f"error: --mount: cannot open {hello}: not a directory", hint
    )
    enarx("run", "--mount", "/proc:/x", hello).refuses(
        4, "error: --mount: /x: cannot be mounted: permission denied", hint
    )
    enarx("run", "--mount", ".:/x", "--mount", "..:/x", hello).refuses(
        4, "error: --mount: /x is mounted twice", hint
    )


@pytest.mark.parametrize("variable", ["A", "=x", ""])
def test_a_variable_that_is_not_written_well(enarx: Enarx, hello: Path, variable: str) -> None:
    """The form is told."""
    enarx("run", "--env", variable, hello).refuses(
        4, f"error: --env: got '{variable}', want NAME=VALUE", "hint: .*"
    )


@pytest.mark.parametrize("name", ["nil", "process", ""])
def test_a_backend_that_runs(enarx: Enarx, hello: Path, name: str) -> None:
    """Enarx 0.7's nil is the process keep; an empty variable is none."""
    ended = enarx("run", hello, ENARX_BACKEND=name)
    assert (ended.status, ended.out, ended.err) == (0, b"hello\n", "")


@pytest.mark.parametrize("name", ["sgx", "sev", "kvm"])
def test_a_backend_that_is_not_here(enarx: Enarx, hello: Path, name: str) -> None:
    """It is never replaced by a weaker one in silence: status 3, and what to do."""
    ended = enarx("run", hello, ENARX_BACKEND=name)
    assert (ended.status, ended.out) == (3, b"")
    assert ended.err.startswith("enarx: error: platform "), ended.err
    assert "enarx: hint: " in ended.err


def test_a_backend_that_nobody_knows(enarx: Enarx, hello: Path) -> None:
    """The names there are; the same for the option, and for two that disagree."""
    error = "error: --platform: 'junk' is unknown .*"
    enarx("run", hello, ENARX_BACKEND="junk").refuses(4, error, SEE)
    enarx("run", "--platform", "junk", hello).refuses(4, error, SEE)
    ended = enarx("run", "--platform", "process", hello, ENARX_BACKEND="sgx")
    assert (ended.status, ended.out) == (4, b"")


def test_a_configuration_named_by_the_environment(
    enarx: Enarx, hello: Path, tmp_path: Path
) -> None:
    """ENARX_WASMCFGFILE is used; without it an Enarx.toml that lies about is not."""
    (tmp_path / "Enarx.toml").write_text("foo = 1")
    assert enarx("run", hello).out == b"hello\n"
    enarx("run", hello, ENARX_WASMCFGFILE="Enarx.toml").refuses(
        4, "error: Enarx.toml: foo: unknown key", "hint: .*"
    )
    enarx("run", hello, ENARX_WASMCFGFILE="nothing.toml").refuses(
        4, "error: nothing.toml: no such file or directory"
    )


def test_a_configuration_without_files_is_silent(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """As in 0.7: nothing on 0 to 2 but an end of input and a place for output to vanish."""
    assert hello
    configured(enarx, tmp_path, "args = []").refuses(0)


def listen(port: int, prot: str = "tcp") -> str:
    """A listening socket on loopback."""
    return (
        f'[[files]]\nkind = "listen"\nname = "web"\nprot = "{prot}"\n'
        f'addr = "127.0.0.1"\nport = {port}\n'
    )


@pytest.mark.parametrize("prot", ["tcp", "tls"])
def test_a_port_in_use(enarx: Enarx, hello: Path, tmp_path: Path, prot: str) -> None:
    """Which socket, which port, why, and what to do; status 3."""
    assert hello
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        configured(enarx, tmp_path, listen(port, prot)).refuses(
            3,
            f"error: socket 'web': cannot listen on 127.0.0.1:{port}: address already in use",
            "hint: another program has the port: .*",
        )


def connect(port: int, prot: str) -> str:
    """A connection to loopback."""
    return (
        f'[[files]]\nkind = "connect"\nname = "db"\nprot = "{prot}"\n'
        f'host = "127.0.0.1"\nport = {port}\n'
    )


def test_a_server_that_does_not_answer(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """Nothing listens there; a name that does not exist."""
    assert hello
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configured(enarx, tmp_path, connect(port, "tcp")).refuses(
        3,
        f"error: socket 'db': cannot connect to 127.0.0.1:{port}: connection refused",
        "hint: nothing listens there: .*",
    )
    text = '[[files]]\nkind = "connect"\nprot = "tcp"\nhost = "no.such.invalid"\nport = 1\n'
    configured(enarx, tmp_path, text).refuses(
        3, "error: socket 'no.such.invalid': cannot connect to no.such.invalid:1: .*", "hint: .*"
    )


def test_a_trust_anchor_that_has_expired(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """Told before anything is connected: whose it is, and since when."""
    assert hello
    anchors = f"[tls]\ntrust_anchors = ['''{expired_certificate()}''']\n"
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts
        ended = configured(enarx, tmp_path, connect(server.getsockname()[1], "tls") + anchors)
    assert ended.status in {3, 4}, ended.err
    assert "expired" in ended.err.splitlines()[0], ended.err
    assert "Old Authority" in ended.err, ended.err


def expired_certificate() -> str:
    """A self-signed authority whose time is over."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old Authority")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=20))
        .not_valid_after(now - timedelta(days=10))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def test_the_certificate_is_written(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """Whole where it can be, an error where it cannot, and a hint where there is none."""
    assert hello
    configured(enarx, tmp_path, listen(0, "tls"), "--write-certificate", "c.pem").refuses(0)
    assert (tmp_path / "c.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    configured(enarx, tmp_path, listen(0, "tls"), "--write-certificate", "no/c.pem").refuses(
        4, "error: --write-certificate: cannot write no/c.pem: no such file or directory"
    )
    ended = enarx("run", "--write-certificate", "d.pem", "hello.wasm")
    assert ended.status == 0
    ended.says("hint: --write-certificate: none was made, no socket uses TLS")


def test_words_that_are_no_command(enarx: Enarx) -> None:
    """Usage errors are status 2, with the nearest command and where to read on."""
    enarx("rnu", "x").refuses(2, "error: no command 'rnu'; did you mean 'run'\\?", "hint: .*")
    enarx("run").refuses(2, "error: missing argument 'PACKAGE'", "hint: see 'enarx run --help'")
    enarx("run", "--bogus", "x").refuses(2, "error: no such option '--bogus'.*", "hint: .*")


def test_arguments_of_the_program_are_its_own(enarx: Enarx, hello: Path) -> None:
    """What comes after PACKAGE is not looked at, however many and however long."""
    words = ["--help", "--mount", "", "é", "x" * 100_000, *map(str, range(5000))]
    ended = enarx("run", hello, *words)
    assert (ended.status, ended.out, ended.err) == (0, b"hello\n", "")

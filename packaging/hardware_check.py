"""Check this host's SNP, TDX or SGX with Enarx, and write a report that one can send.

    python packaging/hardware_check.py [--platform snp|tdx|sgx|vm]... [--report FILE]

Runs the commands of docs/guides/hardware.md with the Python in which enarx is installed, as a user
who may use /dev/kvm and the platform's device.  Nothing outside a temporary folder is changed; the
image's inputs are fetched, and the vendor is asked for certificates.  "vm" is a rehearsal without
such hardware.  Exit status: 0 every platform that is there passed, 1 one failed, 3 none is there.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import json
import os
import platform as machine
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from enarx import __version__

HARDWARE = ("snp", "tdx", "sgx")
MODELS = {"snp": "EPYC-v4", "tdx": "host"}
FIRMWARE = {"snp": "OVMF.amdsev.fd", "tdx": "OVMF.inteltdx.fd"}
GREETING = "hello from a keep\n"
# (module (import fd_write) (memory 1) (func (export "_start") fd_write(1, "hello from a keep\n")))
GUEST = bytes.fromhex(
    "0061736d01000000010c0260047f7f7f7f017f60000002230116776173695f736e617073686f745f70726576"
    "696577310866645f77726974650000030201010503010001071302066d656d6f72790200065f737461727400"
    "010a10010e0041014100410141c00010001a0b0b25020041080b1268656c6c6f2066726f6d2061206b656570"
    "0a0041000b080800000012000000"
)
_OUTPUT = 20_000
_COMMAND_S = 1800.0
_START_S = 180.0


class FailedError(Exception):
    """A step did not do what it must."""


class Report:
    """What was run, what came of it, and what that means; written as it grows."""

    def __init__(self, path: Path) -> None:
        self.verdicts: dict[str, str] = {}
        self._path = path
        self._path.write_text("# Enarx hardware check\n\n")

    def line(self, text: str) -> None:
        """For people and for the file."""
        print(text, flush=True)
        self.add(f"{text}\n\n")

    def add(self, text: str) -> None:
        """For the file alone."""
        with self._path.open("a") as file:
            file.write(text)

    def run(self, *argv: str, wants: int | None = 0) -> str:
        """Run a command, note all about it, and return its standard output.

        Raises:
            FailedError: its exit status is not *wants*; None takes any.
        """
        shown = shlex.join(("enarx", *argv[3:]) if argv[1:3] == ("-m", "enarx") else argv)
        print(f"$ {shown}", flush=True)
        begin = time.monotonic()
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=_COMMAND_S, check=False
        )
        took = time.monotonic() - begin
        said = (done.stdout + done.stderr)[-_OUTPUT:]
        self.add(f"```console\n$ {shown}\n{said}```\n\nexit {done.returncode}, {took:.1f} s\n\n")
        if wants is not None and done.returncode != wants:
            raise FailedError(f"{shown}: got exit status {done.returncode}, want {wants}")
        return done.stdout


def main() -> int:
    """Check what was asked for, by default all hardware."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--platform", action="append", choices=[*HARDWARE, "vm"])
    parser.add_argument("--report", default="enarx-hardware-report.md", type=Path)
    parser.add_argument("--image", help="an image that was built before, to save time")
    parser.add_argument("--tdx-firmware", help="OvmfPkg/IntelTdx without Secure Boot keys")
    given = parser.parse_args()
    os.umask(0o077)
    report = Report(given.report)
    _describe(report)
    for name in given.platform or HARDWARE:
        report.add(f"## {name}\n\n")
        try:
            report.verdicts[name] = _check(report, name, given)
        except (FailedError, OSError, subprocess.SubprocessError) as error:
            report.verdicts[name] = f"FAILED: {error}"
    report.add("## Verdicts\n\n")
    for name, verdict in report.verdicts.items():
        report.line(f"{name}: {verdict}")
    print(f"the report is in {given.report}")
    return _status(report.verdicts.values())


def _status(verdicts: object) -> int:
    found = list(verdicts)  # type: ignore[call-overload]
    if any(verdict.startswith("FAILED") for verdict in found):
        return 1
    return 0 if any(verdict.startswith("passed") for verdict in found) else 3


def _enarx(*argv: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "enarx", *argv)


def _describe(report: Report) -> None:
    uname = machine.uname()
    report.line(
        f"enarx {__version__}, Python {machine.python_version()}, {uname.system} {uname.release}"
    )
    report.run(*_enarx("platform", "doctor", "--report"), wants=None)
    for program in ("qemu-system-x86_64", "gramine-sgx-sign"):
        with contextlib.suppress(OSError):
            report.run(program, "--version", wants=None)


def _check(report: Report, name: str, given: argparse.Namespace) -> str:
    """One platform; what is missing is no failure, but said."""
    doctor = ("platform", "doctor", "--platform", name)
    report.run(*_enarx(*doctor), wants=None)
    said = subprocess.run(_enarx(*doctor, "--json"), capture_output=True, text=True, check=False)
    if not json.loads(said.stdout)["platforms"][0]["ready"]:
        return "not available here (enarx platform doctor says what is missing)"
    with tempfile.TemporaryDirectory(prefix="enarx-check-") as folder:
        if name == "sgx":
            return _check_sgx(report, Path(folder))
        return _check_vm(report, name, Path(folder), given)


def _check_vm(report: Report, name: str, folder: Path, given: argparse.Namespace) -> str:
    image = Path(given.image) if given.image else folder / "image"
    if name == "tdx" and not (given.image or given.tdx_firmware):
        raise FailedError("no firmware for TDX: give --tdx-firmware FILE, or --image DIR with one")
    if not given.image:
        firmware = ("--firmware", f"tdx={given.tdx_firmware}") if given.tdx_firmware else ()
        again = folder / "again"
        report.run(*_enarx("image", "build", "--output", str(image), *firmware))
        report.run(*_enarx("image", "build", "--output", str(again), *firmware))
        _same(image, again)
    if name in HARDWARE:
        _measure(report, name, image)
    token = folder / "token"
    state = folder / "host"
    state.mkdir()
    made = report.run(
        *_enarx("host", "token", "create", "--state", str(state), "--tenant", "check")
    )
    token.write_text(made)
    guest = folder / "hello.wasm"
    guest.write_bytes(GUEST)
    with _host(report, name, state, image) as url:
        deploy = ("deploy", "--host", url, "--token-file", str(token), "--platform", name)
        deploy += ("--fetch",) if name in HARDWARE else ("--insecure-accept-simulated",)
        said = report.run(*_enarx(*deploy, "--vm-image", str(image), str(guest)))
        if said != GREETING:
            raise FailedError(f"deploy: got {said[:80]!r}, want {GREETING!r}")
        _refused(report, deploy, image, guest, folder)
    return "passed: the keep proved itself, ran, and another image was refused"


def _same(one: Path, other: Path) -> None:
    """Two builds are the same, byte for byte."""
    names = sorted(path.name for path in one.iterdir())
    _, different, odd = filecmp.cmpfiles(one, other, names, shallow=False)
    if different or odd:
        raise FailedError(f"image build: two builds differ in {', '.join(different + odd)}")


def _measure(report: Report, name: str, image: Path) -> None:
    """Both ways of computing what it measures; the second is what deploy insists on."""
    line = json.loads((image / "image.json").read_text())["command_line"]
    own = ("--cpu", MODELS["snp"]) if name == "snp" else ("--memory", "1024")
    files = ("--firmware", str(image / FIRMWARE[name]), "--kernel", str(image / "vmlinuz"))
    boot = ("--initrd", str(image / "initrd.img"), "--append", line)
    report.run(*_enarx("image", "measure", "--platform", name, *files, *boot, *own))
    references = ("image", "reference-values", "--vm-image", str(image))
    report.run(*_enarx(*references, "--platform", name, "--vcpus", "1"))


def _refused(
    report: Report, deploy: tuple[str, ...], image: Path, guest: Path, folder: Path
) -> None:
    """Who insists on another image is not served: one byte of the command line is another."""
    other = folder / "other"
    other.mkdir()
    for path in image.iterdir():
        (other / path.name).symlink_to(path.resolve())
    manifest = json.loads((image / "image.json").read_text())
    manifest["command_line"] += " x"
    (other / "image.json").unlink()
    (other / "image.json").write_text(json.dumps(manifest))
    report.run(*_enarx(*deploy, "--vm-image", str(other), str(guest)), wants=1)


@contextlib.contextmanager
def _host(report: Report, name: str, state: Path, image: Path) -> Iterator[str]:
    """A host that offers keeps on *name*, as long as the block lasts; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = ["host", "serve", "--state", str(state), "--vm-image", str(image), "--port", str(port)]
    if name in HARDWARE:
        argv += ["--hardware", name]
    log = state.parent / "host.log"
    with log.open("wb") as output:
        served = subprocess.Popen(_enarx(*argv), stdout=output, stderr=output)
    print(f"$ {shlex.join(('enarx', *argv))} &", flush=True)
    try:
        _wait(served, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        report.run(*_enarx("host", "stop", "--state", str(state)), wants=None)
        served.send_signal(signal.SIGTERM)
        served.wait(_START_S)
        said = log.read_text(errors="replace")[-_OUTPUT:]
        report.add(f"```console\n$ enarx {shlex.join(argv)}\n{said}```\n\n")


def _wait(served: subprocess.Popen[bytes], port: int) -> None:
    """Until the host can be connected to."""
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if served.poll() is not None:
            raise FailedError(f"host serve: ended with exit status {served.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise FailedError("host serve: cannot be connected to")


def _check_sgx(report: Report, folder: Path) -> str:
    """An enclave measures what its SIGSTRUCT says; keeps do not run in one yet."""
    from enarx.errors import EnarxError
    from enarx.host.gramine import quote_check
    from enarx.host.machine import Machine

    try:
        signed, quoted = quote_check.run(Machine(path=os.environ["PATH"]), str(folder))
    except EnarxError as error:
        raise FailedError(str(error)) from error
    report.add(f"MRENCLAVE signed {signed.hex()}\n\nMRENCLAVE quoted {quoted.hex()}\n\n")
    if signed != quoted:
        raise FailedError("the quote's MRENCLAVE is not the one that was signed")
    return "passed: an enclave quotes the MRENCLAVE that was signed (keeps do not run in one yet)"


if __name__ == "__main__":
    sys.exit(main())

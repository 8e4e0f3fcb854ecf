"""``enarx image reference-values``: a policy made of them accepts this installation's keep only."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path

import pytest
from tests.cli.test_events import log
from tests.measure.enclaves import signed, stream
from tests.measure.firmwares import firmware, svsm
from tests.measure.kernels import kernel
from tests.measure.test_efi_variables import KEYS, volume
from tests.measure.test_tdvf import CODE, MEMORY, VARIABLES, made

from enarx import __version__
from enarx.adapters.keep_image import NAME
from enarx.cli.main import main
from enarx.measure import td_hob, tdvf
from enarx.measure.process import NAMES
from enarx.measure.sgxs import mr_enclave

ROOT_KEYS = Path(__file__).parent.parent / "tee" / "development-root.pem"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a development root, in an empty folder."""
    folder = tmp_path / "data" / "enarx" / "simulated"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "root.pem").touch(mode=0o600)
    (folder / "root.pem").write_bytes(ROOT_KEYS.read_bytes())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return status, out.getvalue(), err.getvalue()


def policy(platform: str) -> str:
    """A policy for simulated keeps of this installation, as a beginner makes one."""
    assert run("policy", "init", "--platform", platform, "policy.toml")[0] == 0
    lines = Path("policy.toml").read_text().splitlines()
    image = f'image = [{{ name = "{NAME}", version = "{__version__}" }}]'
    changes = {
        "image = ": f'{image}\nreference_value_files = ["reference.toml"]',
        "simulated = ": 'simulated = "allowed"',
    }
    for at, line in enumerate(lines):
        for begin, new in changes.items():
            if line.startswith(begin):
                lines[at] = new
    Path("policy.toml").write_text("\n".join(lines))
    status, out, err = run("policy", "check")
    assert status == 0, err
    assert "no image is checked" not in out
    return "policy.toml"


@pytest.mark.parametrize("platform", NAMES)
def test_a_policy_accepts_this_keep_and_no_other(platform: str) -> None:
    """Attack: a keep of which one byte was changed measures otherwise, and is refused by name."""
    status, _, err = run("image", "reference-values", "-o", "reference.toml")
    assert (status, err) == (0, "")
    values = json.loads(run("image", "reference-values", "--json")[1])
    good = values["platforms"][platform][NAMES[platform]]  # type: ignore[index]
    other = good[:-1] + ("0" if good[-1] != "0" else "1")
    rules = ("--policy", policy(platform), "--report-data", "01", "--insecure-accept-simulated")
    for digest, accepted in ((good, True), (other, False)):
        Path("evidence.cmw").unlink(missing_ok=True)
        bound = ("--measurement", digest, "--report-data", "01")
        assert run("evidence", "simulate", platform, "-o", "evidence.cmw", *bound)[0] == 0
        status, out, _ = run("verify", "evidence.cmw", *rules, "--json")
        verdict = json.loads(out)
        assert verdict["accepted"] is accepted
        failed = [check["claim"] for check in verdict["checks"] if check["outcome"] == "failed"]
        assert failed == ([] if accepted else [f"image.{NAMES[platform]}"])  # type: ignore[index]
        assert status == (0 if accepted else 1)


def test_what_it_prints() -> None:
    """TOML for a policy's file, of all platforms or of those that are named; nothing twice."""
    status, out, err = run("image", "reference-values")
    assert (status, err) == (0, "")
    assert out.startswith(f"# Reference values of enarx-keep {__version__}, a process keep")
    assert [line for line in out.splitlines() if line.startswith("platform")] == [
        'platform = "snp"',
        'platform = "tdx"',
        'platform = "sgx"',
    ]
    one = run("image", "reference-values", "--platform", "tdx", "--platform", "tdx")[1]
    assert one.count("[[reference_values]]") == 1
    values = json.loads(run("image", "reference-values", "--json")[1])
    assert (values["name"], values["version"]) == ("enarx-keep", __version__)


def test_no_file_is_written_over() -> None:
    """What an operator wrote stays."""
    Path("mine.toml").write_text("mine")
    status, _, err = run("image", "reference-values", "-o", "mine.toml")
    assert status == 4
    assert "mine.toml: does already exist" in err
    assert Path("mine.toml").read_text() == "mine"
    assert run("image", "reference-values", "--platform", "vm")[0] == 2


def test_a_virtual_machine_is_measured(home: Path) -> None:
    """Its digests by number of processors, as text, JSON and reference values of a policy."""
    (home / "ovmf.fd").write_bytes(firmware())
    (home / "kernel").write_bytes(b"kernel")
    words = ("image", "measure", "--firmware", "ovmf.fd", "--vcpus", "1", "--vcpus", "4")
    status, out, _ = run(*words, "--kernel", "kernel", "--append", "quiet", "--cpu", "EPYC-Milan")
    assert status == 0
    digests = dict(line.split() for line in out.splitlines())
    assert set(digests) == {"1", "4"}
    assert len(set(digests.values())) == 2
    _, out, _ = run(
        *words, "--kernel", "kernel", "--append", "quiet", "--cpu", "0xa00f11", "--json"
    )
    assert json.loads(out) == digests
    _, out, _ = run(*words, "--image", "guest", "1")
    (home / "values.toml").write_text(out)
    assert run("policy", "init", "--platform", "snp", "p.toml")[0] == 0
    text = (home / "p.toml").read_text()
    begin = next(line for line in text.splitlines() if line.startswith("image = "))
    named = 'image = [{ name = "guest", version = "1" }]\nreference_value_files = ["values.toml"]'
    (home / "p.toml").write_text(text.replace(begin, named))
    assert run("policy", "check", "p.toml")[0] == 0


def test_a_guest_with_an_svsm_is_measured(home: Path) -> None:
    """The firmware and what runs above it; the model by any name that QEMU has for it."""
    (home / "ovmf.fd").write_bytes(firmware())
    (home / "svsm.bin").write_bytes(svsm())
    words = ("image", "measure", "--firmware", "ovmf.fd", "--cpu", "EPYC-Milan-v2")
    plain = run(*words)[1]
    status, out, _ = run(*words, "--svsm", "svsm.bin", "--vars-size", "4096")
    assert (status, out == plain) == (0, False)
    assert out != run(*words, "--svsm", "svsm.bin")[1]


def test_older_guests_are_measured(home: Path) -> None:
    """SEV and SEV-ES, in SHA-256."""
    (home / "ovmf.fd").write_bytes(firmware())
    status, out, _ = run("image", "measure", "--platform", "sev", "--firmware", "ovmf.fd")
    assert (status, out) == (0, f"{hashlib.sha256(firmware()).hexdigest()}\n")
    words = ("image", "measure", "--platform", "sev-es", "--firmware", "ovmf.fd", "--vcpus", "2")
    assert len(json.loads(run(*words, "--json")[1])["2"]) == 64


def test_a_guest_on_tdx_is_measured(home: Path) -> None:
    """MRTD in both orders of VMMs; with a kernel its registers, as a policy wants them."""
    (home / "tdvf.fd").write_bytes(made(CODE, MEMORY))
    (home / "kernel").write_bytes(kernel())
    (home / "initrd").write_bytes(b"initrd")
    words = ("image", "measure", "--platform", "tdx", "--firmware", "tdvf.fd")
    status, out, _ = run(*words)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["mr_td", "mr_td", "rtmr_3"]
    found = json.loads(run(*words, "--json")[1])
    assert set(found["mr_td"]) == {"page", "section"}
    assert (found["rtmr_0"], found["rtmr_1"], found["rtmr_3"]) == (None, None, "00" * 48)
    words = (*words, "--kernel", "kernel", "--initrd", "initrd", "--append", "quiet")
    first = json.loads(run(*words, "--json")[1])
    older = json.loads(run(*words, "--json", "--edk2", "202505")[1])
    assert first["rtmr_1"] == older["rtmr_1"]
    assert first["rtmr_2"] != older["rtmr_2"]
    patched = (*words, "--patched-kernel", "--memory", "2048", "--json")
    assert json.loads(run(*patched)[1])["rtmr_1"] != first["rtmr_1"]
    (home / "values.toml").write_text(run(*words, "--image", "guest", "1")[1])
    assert f'rtmr_2 = ["{first["rtmr_2"]}"]' in (home / "values.toml").read_text()
    assert run("policy", "init", "--platform", "tdx", "p.toml")[0] == 0
    text = (home / "p.toml").read_text()
    begin = next(line for line in text.splitlines() if line.startswith("image = "))
    named = 'image = [{ name = "guest", version = "1" }]\nreference_value_files = ["values.toml"]'
    (home / "p.toml").write_text(text.replace(begin, named))
    assert run("policy", "check", "p.toml")[0] == 0


def test_a_firmware_with_keys_is_told(home: Path) -> None:
    """It does not start what they did not sign, whatever the kernel would measure."""
    words = ("image", "measure", "--platform", "tdx", "--firmware", "tdvf.fd", "--kernel", "kernel")
    (home / "kernel").write_bytes(kernel())
    for keys, warned in (((), False), (KEYS, True)):
        image = bytearray(made(CODE, (0, 512, 0xFFFF_E000, 4096, 1, 0)))
        image[:512] = volume(keys).ljust(512, b"\xff")[:512]
        (home / "tdvf.fd").write_bytes(image)
        status, out, err = run(*words)
        assert (status, "rtmr_1" in out) == (0, True)
        assert ("has keys of Secure Boot" in err) is warned


def test_a_platforms_register_is_taken_from_its_log(home: Path) -> None:
    """RTMR 0 of a recorded log, if that began with what this firmware and memory measure."""
    (home / "tdvf.fd").write_bytes(made(CODE, VARIABLES, (0, 0, 0x80_9000, 8192, 2, 0)))
    sections = tdvf.parse((home / "tdvf.fd").read_bytes())
    hob, variables = td_hob.measured(sections, 1 << 31), sections[1].data
    events = ((1, 0x8000000B, hob), (1, 0x8000000A, variables), (1, 4, bytes(4)), (2, 4, b"\0"))
    (home / "ccel").write_bytes(log(0x000C, 48, *events))
    words = ("image", "measure", "--platform", "tdx", "--firmware", "tdvf.fd", "--json")
    status, out, _ = run(*words, "--event-log", "ccel", "--memory", "2048")
    assert status == 0
    assert len(json.loads(out)["rtmr_0"]) == 96
    for memory, problem in ((("--memory", "1024"), "another memory"), ((), "give --memory too")):
        status, out, err = run(*words, "--event-log", "ccel", *memory)
        assert (status, out) == (4, "")
        assert problem in err


def test_a_signed_enclave_is_measured(home: Path) -> None:
    """Stream and signature belong together, and both tell whose the enclave is."""
    enclave = mr_enclave(stream())
    (home / "enclave.sgxs").write_bytes(stream())
    (home / "good.sig").write_bytes(signed(mr_enclave=enclave))
    (home / "other.sig").write_bytes(signed())
    words = ("image", "measure", "--platform", "sgx", "--sgxs", "enclave.sgxs", "--sigstruct")
    found = json.loads(run(*words, "good.sig", "--json")[1])
    assert found["mr_enclave"] == enclave.hex()
    assert (found["isv_prod_id"], found["allows_debug"]) == (7, False)
    assert "allows_debug    false" in run(*words, "good.sig")[1]
    status, out, err = run(*words, "other.sig")
    assert (status, out) == (4, "")
    assert "other.sig: signs another enclave" in err
    (home / "values.toml").write_text(run(*words, "good.sig", "--image", "app", "1")[1])
    assert found["mr_signer"] in (home / "values.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--firmware", "nothing"), "nothing: no such file"),
        (("--firmware", "odd"), "odd: got 3 bytes, want whole pages"),
        (("--firmware", "ovmf.fd", "--cpu", "i486"), "--cpu: got 'i486'"),
        (("--firmware", "ovmf.fd", "--features", "-1"), "--features: got '-1'"),
        (("--firmware", "ovmf.fd", "--append", "quiet"), "give --kernel too"),
        (("--firmware", "plain", "--kernel", "odd"), "checks no kernel"),
        (("--firmware", "plain", "--vcpus", "2"), "where further processors begin"),
        (("--firmware", "ovmf.fd", "--platform", "tdx"), "is no firmware for TDX"),
        (("--firmware", "ovmf.fd", "--svsm", "plain"), "does not say where an SVSM begins"),
        (("--firmware", "ovmf.fd", "--vars-size", "1"), "give --svsm too"),
        (("--firmware", "ovmf.fd", "--svsm", "plain", "--kernel", "odd"), "leave --kernel out"),
        (("--firmware", "tdvf", "--platform", "tdx", "--kernel", "odd"), "no PE/COFF image"),
        (("--firmware", "tdvf", "--platform", "tdx", "--edk2", "202508"), "give --kernel too"),
        (
            ("--firmware", "tdvf", "--platform", "tdx", "--kernel", "odd", "--patched-kernel"),
            "give --memory too",
        ),
    ],
)
def test_what_cannot_be_measured_is_said(
    home: Path, arguments: tuple[str, ...], problem: str
) -> None:
    """One line, and nothing on standard output."""
    (home / "ovmf.fd").write_bytes(firmware())
    (home / "plain").write_bytes(bytes(4096))
    (home / "tdvf").write_bytes(made(CODE))
    (home / "odd").write_bytes(b"odd")
    status, out, err = run("image", "measure", *arguments)
    assert status in (1, 4)
    assert out == ""
    assert problem in err

"""The Steward's TLS as two scanners of others see it: sslyze and testssl.sh.

sslyze bounds `cryptography` below what we need, so it is in an environment of its own:
``python3 -m venv .build/sslyze && .build/sslyze/bin/pip install sslyze``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.steward.stewards import PATIENCE_S, Serving

pytestmark = pytest.mark.slow  # each starts processes

SSLYZE = Path(__file__).parents[3] / ".build" / "sslyze" / "bin" / "sslyze"
OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2")
SAFE: dict[str, dict[str, object]] = {
    "tls_compression": {"supports_compression": False},
    "tls_1_3_early_data": {"supports_early_data": False},
    "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": False},
    "heartbleed": {"is_vulnerable_to_heartbleed": False},
    "robot": {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"},
    "session_renegotiation": {"is_vulnerable_to_client_renegotiation_dos": False},
}
"""What sslyze finds where there is no weakness that it knows."""


def place(serving: Serving) -> str:
    """Host and port."""
    return serving.url.removeprefix("https://")


@pytest.fixture
def scanned(serving: Serving, tmp_path: Path) -> dict[str, Any]:
    """What sslyze found, by its scans' names."""
    program = str(SSLYZE) if SSLYZE.exists() else shutil.which("sslyze")
    if program is None:
        pytest.skip("not installed: sslyze, in .build/sslyze")
    scans = (
        "certinfo", "sslv2", "sslv3", "tlsv1", "tlsv1_1", "tlsv1_2", "tlsv1_3", "compression",
        "early_data", "openssl_ccs", "heartbleed", "robot", "reneg", "elliptic_curves",
    )  # fmt: skip
    subprocess.run(
        [program, *(f"--{scan}" for scan in scans), "--mozilla_config", "disable",
         "--certinfo_ca_file", serving.ca_file, "--json_out", "found.json", place(serving)],
        cwd=tmp_path, check=True, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip
    (server,) = json.loads((tmp_path / "found.json").read_text())["server_scan_results"]
    found = {name: one for name, one in server["scan_result"].items() if one["result"]}
    assert {one["status"] for one in found.values()} == {"COMPLETED"}
    return {name: one["result"] for name, one in found.items()}


def test_sslyze_finds_tls_1_3_and_no_weakness(scanned: dict[str, Any]) -> None:
    """Every older protocol is refused, and no cipher suite, curve or extension is weak."""
    for version in OLD:
        assert not scanned[f"{version}_cipher_suites"]["is_tls_version_supported"], version
    suites = scanned["tls_1_3_cipher_suites"]["accepted_cipher_suites"]
    assert {suite["cipher_suite"]["name"] for suite in suites} == {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    for scan, expected in SAFE.items():
        assert expected.items() <= scanned[scan].items(), scan
    curves = {curve["name"] for curve in scanned["elliptic_curves"]["supported_curves"]}
    assert curves <= {"X25519", "X448", "secp256r1", "secp384r1", "secp521r1"}


def test_sslyze_believes_the_chain(serving: Serving, scanned: dict[str, Any]) -> None:
    """Its own authority vouches for it, in order, without its root and without SHA-1."""
    for chain in scanned["certificate_info"]["certificate_deployments"]:
        verified = {
            one["trust_store"]["path"]: one["was_validation_successful"]
            for one in chain["path_validation_results"]
        }
        assert verified[str(serving.ca_file)]
        assert chain["received_chain_has_valid_order"]
        assert not chain["received_chain_contains_anchor_certificate"]
        assert not chain["verified_chain_has_sha1_signature"]


def test_testssl_finds_no_weakness(serving: Serving, tmp_path: Path) -> None:
    """Protocols, ciphers and all vulnerabilities that it knows: nothing is low or worse."""
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        pytest.skip("not installed: testssl.sh")
    done = subprocess.run(
        [program, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none",
         "--ip", "127.0.0.1", "--openssl-timeout", "5", "--add-ca", serving.ca_file,
         "--jsonfile", "found.json", "-p", "-s", "-U", place(serving)],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=2 * PATIENCE_S,
    )  # fmt: skip
    found = json.loads((tmp_path / "found.json").read_text())
    named = {one["id"]: one["finding"] for one in found}
    assert named["TLS1_3"].startswith("offered"), done.stdout
    for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2"):
        assert named[version].startswith("not offered"), version
    of_the_scanner = {"engine_problem"}  # its openssl has no GOST
    worse = [one for one in found if one["severity"] not in {"OK", "INFO"}]
    assert [one for one in worse if one["id"] not in of_the_scanner] == []
    assert {"heartbleed", "CCS", "ROBOT", "POODLE_SSL", "FREAK", "DROWN", "LUCKY13", "RC4"} <= set(
        named
    )

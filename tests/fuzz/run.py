"""Whatever arrives: our error or success, nothing else; searched with coverage as the guide.

    python tests/fuzz/run.py NAME [SECONDS]     one target, or "all" of them, SECONDS each
    python tests/fuzz/run.py                    lists the targets

Needs ``atheris``.  What was found interesting is kept in .build/fuzz/NAME and searched from the
next time.  What crashed is written to tests/fuzz/crashes/NAME, where the ordinary tests feed it
again for ever.  Recorded evidence (ENARX_SHARED, by default ../shared) is searched from, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import atheris

ROOT = Path(__file__).parent.parent.parent
MAX_BYTES = 64 * 1024
SEARCHED_FROM = {
    "cca": ("cca/**/*.cbor",), "certificate": ("roots/**/*.der",), "crl": ("roots/**/*crl*",),
    "nitro": ("nitro/**/*.bin",), "nvgpu": ("nvgpu/**/*.bin", "nvgpu/**/*.json"),
    "qe-identity": ("collateral-store/qeidentity*.json",), "sgx": ("sgx/**/quote.bin",),
    "snp": ("snp/**/report.bin",), "tcb-info": ("collateral-store/tcbinfo*.json",),
    "tdx": ("tdx/**/quote.bin",), "container": ("ratls/**/*",),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Search one target in this process, or each in a process of its own."""
    sys.path.insert(0, str(ROOT))
    if arguments and arguments[0] != "all":
        with atheris.instrument_imports(include=["enarx"]):
            from tests.fuzz.targets import TARGETS
    else:
        from tests.fuzz.targets import TARGETS
    if not arguments:
        sys.stdout.write("".join(f"{each}\n" for each in TARGETS))
        return 0
    name, seconds = arguments[0], arguments[1] if len(arguments) > 1 else "60"
    if name == "all":
        return max(_apart(each, seconds) for each in TARGETS)
    target = TARGETS[name]
    corpus, crashes = _corpus(name, target.seeds()), ROOT / "tests" / "fuzz" / "crashes" / name
    crashes.mkdir(parents=True, exist_ok=True)
    options = (f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=10",
               f"-artifact_prefix={crashes}/", "-print_final_stats=1", "-verbosity=0")  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.holds)
    atheris.Fuzz()
    return 0


def _apart(name: str, seconds: str) -> int:
    sys.stdout.write(f"== {name}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, __file__, name, seconds], check=False).returncode


def _corpus(name: str, seeds: tuple[bytes, ...]) -> Path:
    folder = ROOT / ".build" / "fuzz" / name
    folder.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("ENARX_SHARED") or ROOT.parent / "shared") / "vectors"
    recorded = (p for pattern in SEARCHED_FROM.get(name, ()) for p in shared.glob(pattern))
    files = (path.read_bytes() for path in recorded if path.is_file())
    for data in (*seeds, *(data for data in files if len(data) <= MAX_BYTES)):
        (folder / sha256(data).hexdigest()[:16]).write_bytes(data)
    return folder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

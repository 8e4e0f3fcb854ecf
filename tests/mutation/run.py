"""Breaks modules in small ways and runs their tests: whoever survives is a missing check.

    python tests/mutation/run.py PATH… [--every N]

PATH is a module of src/enarx or a folder of them; with ``--every`` only each N-th mutant is tried.
Each runs in a fork of a process that has loaded the libraries, without recorded evidence, within a
limit of time; what hangs counts as noticed.  Survivors are printed, and the status is 1 then.
docs/design/mutation.md says what the last run left, and why.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import cryptography.x509  # noqa: F401 - loaded before the forks
import hypothesis  # noqa: F401
import pytest

ROOT = Path(__file__).parent.parent.parent
SRC = ROOT / "src"
sys.path.insert(0, str(ROOT))

TESTS = {
    "appraisal": "tests/appraisal",
    "attestation.py": "tests/test_attestation.py",
    "errors.py": "tests/test_errors.py",
    "evidence": "tests/evidence",
    "host/gramine/manifest.py": "tests/host/gramine/test_manifest.py",
    "host/vm/command.py": "tests/host/vm/test_command.py",
    "host/vm/ends.py": "tests/host/vm/test_ends.py",
    "host/vm/measurable.py": "tests/host/vm/test_measurable.py",
    "host/vm/order.py": "tests/host/vm/test_order.py",
    "host/vm/qmp.py": "tests/host/vm/test_qmp.py",
    "host/vm/shape.py": "tests/host/vm/test_shape.py tests/host/vm/test_command.py",
    "host/vm/tail.py": "tests/host/vm/test_order.py",
    "measure": "tests/measure",
    "tee/azure": "tests/tee/azure",
    "tee/cca": "tests/tee/cca",
    "tee/cose.py": "tests/tee/test_cose.py tests/tee/nitro tests/tee/cca",
    "tee/dcap": "tests/tee/dcap tests/tee/tdx tests/tee/sgx",
    "tee/ecdsa.py": "tests/tee/test_cose.py tests/tee/nitro tests/tee/nvgpu",
    "tee/endorsements.py": "tests/tee/test_endorsements.py",
    "tee/nitro": "tests/tee/nitro",
    "tee/nvgpu": "tests/tee/nvgpu",
    "tee/sgx": "tests/tee/sgx tests/tee/dcap",
    "tee/snp": "tests/tee/snp",
    "tee/tdx": "tests/tee/tdx tests/tee/dcap",
    "tee": "tests/tee/chain",
    "tunnel/channel.py": "tests/tunnel/test_state.py tests/tunnel/test_violations.py",
    "tunnel/records.py": "tests/tunnel/test_records.py tests/tunnel/test_violations.py",
    "tunnel/state.py": "tests/tunnel/test_state.py tests/tunnel/test_violations.py",
    "wire/cbor.py": "tests/wire/test_cbor.py",
    "wire/der.py": "tests/wire/test_der.py",
    "wire/reader.py": "tests/wire/test_reader.py",
    "wire/record.py": "tests/wire/test_record.py",
    "wire/text.py": "tests/wire/test_text.py",
    "wire": "tests/wire tests/package",
}
"""The tests that must notice; the longest prefix counts."""


def main(arguments: list[str]) -> int:
    """Try every mutant of every module."""
    every = 1
    if "--every" in arguments:
        at = arguments.index("--every")
        every = int(arguments[at + 1])
        del arguments[at : at + 2]
    modules = [module for argument in arguments for module in _modules(ROOT / argument)]
    survivors = sum(_try(module, every) for module in modules)
    return 1 if survivors or not modules else 0


def _modules(path: Path) -> list[Path]:
    return [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def _try(path: Path, every: int) -> int:
    from tests.mutation.operators import mutants

    tests = _tests_of(path)
    begin = time.monotonic()
    if _outcome(path, None, tests, limit_s=600) != 0:
        sys.exit(f"{path.relative_to(ROOT)}: {' '.join(tests)} fail without any change")
    limit_s = int(5 * (time.monotonic() - begin) + 5)
    tried = survived = 0
    for mutant in list(mutants(path.read_text()))[::every]:
        tried += 1
        if _outcome(path, mutant.module, tests, limit_s) == 0:
            survived += 1
            place = f"{path.relative_to(ROOT)}:{mutant.line}"
            _say(f"{place}: {mutant.before}\n    survived as: {mutant.after}")
    spent = time.monotonic() - begin
    _say(f"== {path.relative_to(ROOT)}: {tried} mutants, {survived} survived ({spent:.0f} s)")
    return survived


def _tests_of(path: Path) -> list[str]:
    name = str(path.relative_to(SRC / "enarx"))
    fitting = [prefix for prefix in TESTS if name == prefix or name.startswith(f"{prefix}/")]
    return TESTS[max(fitting, key=len)].split()


def _outcome(path: Path, module: object, tests: list[str], limit_s: int) -> int:
    """The status of the tests, with *module* in the place of the one at *path*."""
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(limit_s)
        with contextlib.suppress(BaseException):
            os._exit(_run(path, module, tests))
        os._exit(99)
    _, status = os.waitpid(child, 0)
    return status


def _run(path: Path, module: object, tests: list[str]) -> int:
    os.environ["ENARX_SHARED"] = "/nonexistent"
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    os.chdir(ROOT)
    if module is not None:
        sys.meta_path.insert(0, _Overlay(path, module))
    loaded = "ignore:Module already imported"
    quick = ("-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-W", loaded)
    return int(pytest.main([*quick, *tests]))


class _Overlay(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, in another form than the file has."""

    def __init__(self, path: Path, module: object) -> None:
        parts = path.relative_to(SRC).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self._path, self._module = path, module

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        package = self._path.name == "__init__.py"
        return importlib.util.spec_from_file_location(
            fullname, self._path, loader=self,
            submodule_search_locations=[str(self._path.parent)] if package else None,
        )  # fmt: skip

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._module, str(self._path), "exec"), module.__dict__)  # type: ignore[call-overload]  # noqa: S102


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

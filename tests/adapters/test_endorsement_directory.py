"""A directory is read whole, by content, within bounds, and what is left out is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.adapters import endorsement_bundle
from enarx.adapters.endorsement_directory import MAX_DEPTH, MAX_FILES, load, save
from enarx.adapters.endorsement_facts import facts_of
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder(tmp_path: Path, everything: Endorsements) -> Path:
    """A directory with one file for each endorsement, under names that say nothing."""
    path = tmp_path / "given"
    path.mkdir()
    for number, item in enumerate(facts_of(everything)):
        (path / str(number)).write_bytes(item.data)
    return path


def items(bag: Endorsements) -> set[bytes]:
    """Every item, of whatever kind."""
    return {item.data for item in facts_of(bag)}


def test_every_file_counts_and_names_do_not(folder: Path, everything: Endorsements) -> None:
    """Also those further below, and each endorsement once."""
    below = folder / "below" / "again"
    below.mkdir(parents=True)
    (folder / "0").rename(below / "README.md")
    (folder / "copy.txt").write_bytes(everything.crls[0])
    found = load(str(folder))
    assert items(found.endorsements) == items(everything)
    assert len(facts_of(found.endorsements)) == len(items(everything))
    assert found.notes == ()


def test_a_file_and_a_bundle_are_read_like_a_directory(
    folder: Path, everything: Endorsements
) -> None:
    """Alone, or among other files."""
    bundle = folder.parent / "bundle"
    bundle.write_bytes(endorsement_bundle.write(everything))
    assert items(load(str(bundle)).endorsements) == items(everything)
    assert items(load(str(folder / "0")).endorsements) == {everything.certificates[0]}
    assert items(load(str(folder.parent)).endorsements) == items(everything)


def test_what_is_no_endorsement_is_left_out_and_named(
    folder: Path, everything: Endorsements
) -> None:
    """Evidence, tables, notes and empty files are no errors."""
    (folder / "quote.bin").write_bytes(b"\x04\0" + bytes(600))
    (folder / "table.csv").write_text("a,b\n")
    (folder / "empty").write_bytes(b"")
    (folder / "damaged.json").write_text("{")
    found = load(str(folder))
    assert items(found.endorsements) == items(everything)
    assert [note.partition(":")[0] for note in found.notes] == [
        "left out damaged.json",
        "left out empty",
        "left out quote.bin",
        "left out table.csv",
    ]


def test_links_do_not_lead_out(folder: Path, tmp_path: Path, everything: Endorsements) -> None:
    """A link out of the directory is named; one inside it leads to what is read anyway."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(everything.certificates[0])
    (folder / "0").unlink()
    (folder / "a-file").symlink_to(outside / "secret")
    (folder / "b-folder").symlink_to(outside)
    (folder / "c-inside").symlink_to("1")
    (folder / "d-loop").symlink_to(".")
    (folder / "e-gone").symlink_to("nowhere")
    found = load(str(folder))
    assert items(found.endorsements) == items(everything) - {everything.certificates[0]}
    assert sorted(found.notes) == [
        "left out a-file: a link out of the directory",
        "left out b-folder: a link out of the directory",
    ]


def test_a_directory_may_be_named_by_a_link(folder: Path, everything: Endorsements) -> None:
    """What the user names is what the user means."""
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert items(load(str(link)).endorsements) == items(everything)


def test_a_pipe_is_named_and_not_waited_for(folder: Path) -> None:
    """Nothing blocks."""
    os.mkfifo(folder / "pipe")
    assert load(str(folder)).notes == ("left out pipe: not a file",)


def test_a_large_file_is_not_read(folder: Path) -> None:
    """Its size is looked at before its content."""
    with (folder / "large").open("wb") as file:
        file.truncate(endorsement_bundle.MAX_BYTES + 1)
    assert load(str(folder)).notes == ("left out large: larger than 67108864 bytes",)


def test_too_much_is_refused(tmp_path: Path) -> None:
    """Too many files are an error that says what to do, too many bytes likewise."""
    for number in range(MAX_FILES + 1):
        (tmp_path / str(number)).touch()
    with pytest.raises(MalformedError, match="more than 4096 files below it"):
        load(str(tmp_path))
    for number in range(4, MAX_FILES + 1):
        (tmp_path / str(number)).unlink()
    for number in range(4):
        with (tmp_path / str(number)).open("wb") as file:
            file.truncate(endorsement_bundle.MAX_BYTES)
    with pytest.raises(MalformedError, match="more than 134217728 bytes below it"):
        load(str(tmp_path))


def test_directories_far_below_are_named(tmp_path: Path, everything: Endorsements) -> None:
    """The eighth is read, the ninth is not."""
    deep = tmp_path.joinpath(*"abcdefgh")
    (deep / "i").mkdir(parents=True)
    (deep / "file").write_bytes(everything.crls[0])
    (deep / "i" / "file").write_bytes(everything.crls[1])
    found = load(str(tmp_path))
    assert items(found.endorsements) == {everything.crls[0]}
    assert found.notes == (
        f"left out a/b/c/d/e/f/g/h/i: more than {MAX_DEPTH} directories below each other",
    )


def test_nothing_there_and_nothing_known(tmp_path: Path) -> None:
    """A missing path is the operator's mistake, a file of another kind is named as such."""
    with pytest.raises(MisconfiguredError, match="no such file"):
        load(str(tmp_path / "nowhere"))
    (tmp_path / "file").write_text("text")
    with pytest.raises(MalformedError) as caught:
        load(str(tmp_path / "file"))
    assert any("bundle" in hint for hint in caught.value.hints)
    (tmp_path / "file").unlink()
    assert not load(str(tmp_path)).endorsements


def test_what_is_saved_is_loaded_again(tmp_path: Path, everything: Endorsements) -> None:
    """Into a new directory, again into the same, and beside what is there."""
    path = tmp_path / "new" / "folder"
    names = save(f"{path}/", everything)
    assert sorted(names) == sorted(file.name for file in path.iterdir())
    (path / "README.md").write_text("kept")
    (path / names[0]).write_text("changed by someone")
    assert save(str(path), everything) == names
    assert items(load(str(path)).endorsements) == items(everything)
    assert (path / "README.md").read_text() == "kept"
    assert sorted(file.name for file in path.parent.iterdir()) == ["folder"]


def test_nothing_is_saved_through_a_link(tmp_path: Path, everything: Endorsements) -> None:
    """A link under the name of a file is replaced, and what it leads to stays."""
    target = tmp_path / "precious"
    target.write_text("precious")
    [name, *_] = (item.file_name() for item in facts_of(everything))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).symlink_to(target)
    save(str(tmp_path / "folder"), everything)
    assert target.read_text() == "precious"
    assert (tmp_path / "folder" / name).read_bytes() == everything.certificates[0]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, everything: Endorsements) -> None:
    """A file where the directory should be, or above it; nothing is left behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(MisconfiguredError, match="is not a directory"):
        save(str(tmp_path / "file"), everything)
    with pytest.raises(UnavailableError, match="not a directory"):
        save(str(tmp_path / "file" / "below"), everything)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def vectors(shared: Path) -> Iterator[Path]:
    """Every folder of recorded evidence, and of collateral in it."""
    for kind in ("snp", "tdx", "sgx"):
        for folder in sorted((shared / "vectors" / kind).iterdir()):
            yield folder
            yield from sorted(path for path in folder.iterdir() if path.is_dir())


@pytest.mark.slow
def test_recorded_endorsements_are_all_recognised(shared: Path) -> None:
    """In every folder of the vectors, each file of endorsements is read as what it is."""
    counted = 0
    for folder in vectors(shared):
        found = load(str(folder)).endorsements
        for path in sorted(folder.glob("*")):
            wanted = EXPECTED.get(path.name)
            if wanted is not None:
                counted += 1
                assert getattr(load(str(path)).endorsements, wanted), path
                assert items(load(str(path)).endorsements) <= items(found), path
    assert counted > 400


EXPECTED = {
    "ark-genoa.crl": "crls",
    "ark-milan.crl": "crls",
    "ca_chain.pem": "certificates",
    "pck_crl.der": "crls",
    "pck_crl_issuer_chain.pem": "certificates",
    "qe_identity.json": "qe_identities",
    "root_ca_crl.der": "crls",
    "tcb_info.json": "tcb_infos",
    "tcb_signing_chain.pem": "certificates",
    "vcek.der": "certificates",
    "vcek.pem": "certificates",
    "vlek.der": "certificates",
}

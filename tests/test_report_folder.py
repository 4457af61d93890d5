"""The folder of a run: private, complete or not there, and never in the place of something else."""

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conformance.report.folder import Folder, default_path, put
from conformance.report.results import write

STARTED = datetime(2026, 11, 23, 15, 12, 0, 999_000, UTC).timestamp()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def keep(final: Path, results: str = "{}") -> Path:
    with Folder(final) as folder:
        write(folder.path / "results.json", results)
        (folder.path / "report.html").write_text("page")
        return folder.commit()


def test_a_committed_run_is_in_its_place_and_private(tmp_path: Path) -> None:
    final = tmp_path / "reports" / "staging" / "now"
    assert keep(final) == final
    assert sorted(file.name for file in final.iterdir()) == ["report.html", "results.json"]
    assert mode(final) == 0o700
    assert {mode(file) for file in final.iterdir()} == {0o600}
    assert [entry.name for entry in final.parent.iterdir()] == ["now"]


def test_until_then_it_lies_beside_its_place(tmp_path: Path) -> None:
    final = tmp_path / "now"
    with Folder(final) as folder:
        assert not final.exists()
        assert folder.path.parent == tmp_path
        assert folder.path.name.startswith(f".now.partial-{os.getpid()}")
        assert mode(folder.path) == 0o700


def test_what_is_not_committed_is_removed(tmp_path: Path) -> None:
    with Folder(tmp_path / "now") as folder:
        write(folder.path / "results.json", "{}")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_replaced_and_files_of_others_stay(tmp_path: Path) -> None:
    final = keep(tmp_path / "now", "old")
    (final / "junit.xml").write_text("old")
    (final / "notes.txt").write_text("mine")
    assert keep(final, "new") == final
    assert (final / "results.json").read_text() == "new"
    assert (final / "notes.txt").read_text() == "mine"
    assert sorted(file.name for file in final.iterdir()) == ["notes.txt", "report.html", "results.json"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["now"]


@pytest.mark.parametrize("marker", ["results.json", "exchanges.jsonl"])
def test_a_folder_with_a_file_of_a_run_is_a_run(tmp_path: Path, marker: str) -> None:
    final = tmp_path / "now"
    final.mkdir()
    (final / marker).write_text("old")
    keep(final, "new")
    assert (final / "results.json").read_text() == "new"


def test_an_existing_empty_folder_is_filled(tmp_path: Path) -> None:
    final = tmp_path / "now"
    final.mkdir()
    assert keep(final) == final
    assert (final / "results.json").exists()


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert keep(tmp_path / "link") == tmp_path / "real"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "link" / "results.json").exists()


def test_a_foreign_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    final = tmp_path / "home"
    final.mkdir()
    (final / "thesis.tex").write_text("years")
    with pytest.raises(ValueError, match="home"):
        Folder(final)
    assert [entry.name for entry in tmp_path.iterdir()] == ["home"]
    assert [entry.name for entry in final.iterdir()] == ["thesis.tex"]


def test_what_came_to_lie_there_meanwhile_stays(tmp_path: Path) -> None:
    final = tmp_path / "home"
    final.mkdir()
    with Folder(final) as folder:
        write(folder.path / "results.json", "{}")
        (final / "thesis.tex").write_text("years")
        with pytest.raises(ValueError, match="home"):
            folder.commit()
    assert [entry.name for entry in final.iterdir()] == ["thesis.tex"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    final = tmp_path / "now"
    final.write_text("a file")
    with pytest.raises(ValueError, match="no folder"):
        Folder(final)
    assert final.read_text() == "a file"


def test_a_run_that_took_the_place_meanwhile_stays(tmp_path: Path) -> None:
    final = tmp_path / "now"
    with Folder(final) as slow:
        write(slow.path / "results.json", "slow")
        assert keep(final, "fast") == final
        assert slow.commit() == tmp_path / "now-2"
    assert (final / "results.json").read_text() == "fast"
    assert (tmp_path / "now-2" / "results.json").read_text() == "slow"


def test_a_folder_whose_parent_cannot_hold_another_is_used_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "volume"
    final.mkdir()
    make = os.mkdir

    def refuse(path: str | os.PathLike[str], mode: int = 0o777) -> None:
        if Path(path).parent == tmp_path:
            raise PermissionError(13, "Permission denied", str(path))
        make(path, mode)

    monkeypatch.setattr(os, "mkdir", refuse)
    assert keep(final) == final
    assert sorted(file.name for file in final.iterdir()) == ["report.html", "results.json"]


def test_a_place_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Folder(tmp_path / "file" / "now")


def test_a_run_is_kept_by_target_and_second(tmp_path: Path) -> None:
    place = default_path(tmp_path, "staging", STARTED)
    assert place == tmp_path / "staging" / "20261123T151200Z"
    place.mkdir(parents=True)
    assert default_path(tmp_path, "staging", STARTED).name == "20261123T151200Z-2"
    place.with_name("20261123T151200Z-2").write_text("")
    assert default_path(tmp_path, "staging", STARTED).name == "20261123T151200Z-3"


@pytest.mark.parametrize("name", ["..", "../../etc", "a/b", "", ".hidden", "a\x00b"])
def test_no_name_of_a_target_leads_elsewhere(tmp_path: Path, name: str) -> None:
    place = default_path(tmp_path, name, STARTED)
    assert place.parent.parent == tmp_path
    assert not place.parent.name.startswith(".")


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")), daemon=True)
    reader.start()
    put(pipe, "a line\n")
    assert pipe.is_fifo()
    reader.join(5)
    assert read == ["a line\n"]
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        put(tmp_path / "there", "text")


def test_a_written_file_is_private_whatever_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("something longer than what follows")
    path.chmod(0o644)
    write(path, "{}\n")
    assert path.read_bytes() == b"{}\n"
    assert mode(path) == 0o600

"""Files with secrets appear whole, closed to others from the first moment, and never over something else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pki.watching import Watcher
from virtwarden.complaint import Complaint
from virtwarden.pki import secretfiles
from virtwarden.pki.secretfiles import SECRET, Content

TREE = {"a.pem": Content(b"open"), "use/key.pem": Content(b"secret", SECRET)}


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


def test_a_new_folder_appears_with_its_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secretfiles.place(tmp_path / "out", TREE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert modes(tmp_path / "out") == {"a.pem": 0o644, "use": 0o700, "use/key.pem": 0o600}
    assert os.listdir(tmp_path) == ["out"]


def test_what_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    secretfiles.place(tmp_path / "out", TREE)
    secretfiles.place(tmp_path / "out", TREE)  # the same again
    other = {"use/key.pem": Content(b"other", SECRET)}
    with pytest.raises(Complaint, match="is there already; give --replace"):
        secretfiles.place(tmp_path / "out", other)
    assert (tmp_path / "out/use/key.pem").read_bytes() == b"secret"
    secretfiles.place(tmp_path / "out", other, "replace")
    assert (tmp_path / "out/use/key.pem").read_bytes() == b"other"
    assert modes(tmp_path / "out") == {"a.pem": 0o644, "use": 0o700, "use/key.pem": 0o600}


def test_a_key_that_others_could_read_is_closed_when_it_is_replaced(tmp_path: Path) -> None:
    secretfiles.place(tmp_path / "out", TREE)
    (tmp_path / "out/use/key.pem").chmod(0o644)
    secretfiles.place(tmp_path / "out", {"use/key.pem": Content(b"new", SECRET)}, "replace")
    assert modes(tmp_path / "out")["use/key.pem"] == 0o600


def test_links_and_other_things_in_the_way_are_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o700)
    (tmp_path / "victim").write_bytes(b"kept")
    (tmp_path / "out/a.pem").symlink_to(tmp_path / "victim")
    with pytest.raises(Complaint, match="not a plain file"):
        secretfiles.place(tmp_path / "out", TREE, "replace")
    (tmp_path / "out/a.pem").unlink()
    os.mkfifo(tmp_path / "out/a.pem")
    with pytest.raises(Complaint, match="not a plain file"):
        secretfiles.place(tmp_path / "out", TREE, "replace")
    assert (tmp_path / "victim").read_bytes() == b"kept"


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    with pytest.raises(Complaint, match="can be written by others"):
        secretfiles.place(tmp_path / "out", TREE)
    with pytest.raises(Complaint, match="can be written by others"):
        secretfiles.place(tmp_path / "out" / "deeper", TREE)
    (tmp_path / "file").write_text("")
    with pytest.raises(Complaint, match="is not a folder"):
        secretfiles.place(tmp_path / "file", TREE)
    with pytest.raises(Complaint, match="No such file"):
        secretfiles.place(tmp_path / "no" / "such", TREE)


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "out").mkdir(mode=0o700)
    os.chown(tmp_path / "out", 12345, 12345)
    with pytest.raises(Complaint, match="belongs to another user"):
        secretfiles.place(tmp_path / "out", TREE)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(Complaint, match="out cannot be written: No space left on device"):
        secretfiles.place(tmp_path / "out", TREE)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["empty", "directory", "fifo", "large", "device"])
def test_reading_takes_plain_files_only_and_never_waits(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    match kind:
        case "empty":
            path.touch()
            assert secretfiles.read(path) == b""
            return
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "large":
            path.write_bytes(bytes((1 << 20) + 1))
        case "device":
            path = Path("/dev/zero")
    with pytest.raises(Complaint):
        secretfiles.read(path)


def test_no_key_can_be_read_by_others_at_any_moment(tmp_path: Path) -> None:
    """The watcher sees every name that appears, also those that are renamed at once."""
    keys = {f"{use}/key{number}.pem": Content(b"secret" * 50, SECRET) for use in "abc" for number in range(20)}
    before = os.umask(0)
    try:
        with Watcher(tmp_path) as watcher:
            secretfiles.place(tmp_path / "out", keys)
            secretfiles.place(tmp_path / "out", keys, "replace")
    finally:
        os.umask(before)
    assert len(watcher.seen) >= 60
    assert watcher.open_to_others() == []


def test_the_watcher_sees_a_file_that_is_open_for_a_moment(tmp_path: Path) -> None:
    script = "import os,sys; f = open(sys.argv[1], 'w'); f.write('x'); f.flush(); os.chmod(sys.argv[1], 0o600)"
    with Watcher(tmp_path) as watcher:
        for number in range(20):
            subprocess.run((sys.executable, "-c", script, str(tmp_path / f"key{number}.pem")), check=True)
    assert watcher.open_to_others() != []

"""SASL's database as SASL's own programs see it, and what nobody else may see of it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from virtwarden.sources.process import environment
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs
from virtwarden.stores.sasldb import SaslDatabase

_FOUND = shutil.which("saslpasswd2", path=environment(os.environ)["PATH"])
pytestmark = [
    pytest.mark.skipif(_FOUND is None, reason="saslpasswd2 is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to root"),
]


@pytest.fixture
def database(tmp_path: Path) -> SaslDatabase:
    os.umask(0o022)
    return SaslDatabase(str(tmp_path / "passwd.db"), "libvirt", Programs())


def names(database: SaslDatabase) -> list[str]:
    return [user.name for user in database.users()]


def mode(database: SaslDatabase) -> tuple[int, int, int]:
    found = os.stat(database.path)
    return stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid


def test_a_user_is_added_listed_and_taken_out(database: SaslDatabase) -> None:
    assert names(database) == []
    assert database.add("alice", b"one").name == "alice"
    database.add("bob", b"two")
    assert names(database) == ["alice", "bob"]
    assert database.remove("alice").name == "alice"
    assert names(database) == ["bob"]


def test_the_database_is_roots_alone_whatever_it_was(database: SaslDatabase) -> None:
    database.add("alice", b"one")
    assert mode(database) == (0o600, 0, 0)
    os.chmod(database.path, 0o644)
    database.add("bob", b"two")
    assert mode(database) == (0o600, 0, 0)


def test_qemus_group_may_read_its_own(database: SaslDatabase) -> None:
    qemu = SaslDatabase(database.path, "qemu", Programs(), 12345)
    qemu.add("alice", b"one")
    assert mode(qemu) == (0o640, 0, 12345)


def test_a_password_is_replaced_and_stands_in_no_argument(
    database: SaslDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    run = subprocess.run

    def watched(argv: tuple[str, ...], **how: object) -> object:
        seen.extend(argv)
        seen.extend(map(str, how["env"].items()))  # type: ignore[attr-defined]
        return run(argv, **how)  # type: ignore[call-overload]

    monkeypatch.setattr("virtwarden.stores.programs.subprocess.run", watched)
    database.add("alice", b"old-secret")
    database.add("alice", b"new-secret")
    assert names(database) == ["alice"]
    held = Path(database.path).read_bytes()
    assert b"new-secret" in held
    assert not any("secret" in word for word in seen)


def test_realms_hold_users_of_one_name_apart(database: SaslDatabase) -> None:
    database.add("alice", b"one", "A.EXAMPLE")
    assert str(database.add("alice", b"two", "B.EXAMPLE")) == "alice@B.EXAMPLE"
    with pytest.raises(StoreError, match="say which with --realm"):
        database.remove("alice")
    database.remove("alice", "A.EXAMPLE")
    assert [str(user) for user in database.users()] == ["alice@B.EXAMPLE"]


def test_nothing_is_left_beside_it_and_a_leftover_goes(database: SaslDatabase) -> None:
    folder = Path(database.path).parent
    (folder / ".passwd.db.virt-warden").mkdir()
    (folder / ".passwd.db.virt-warden/passwd.db").write_text("half")
    database.add("alice", b"one")
    assert os.listdir(folder) == ["passwd.db"]


def test_a_refused_change_leaves_it_as_it_was(database: SaslDatabase) -> None:
    database.add("alice", b"one")
    before = Path(database.path).read_bytes()
    with pytest.raises(StoreError, match="there is no user mallory"):
        database.remove("mallory")
    with pytest.raises(StoreError, match="refuses"):
        database.add("bob", b"")
    assert Path(database.path).read_bytes() == before
    assert os.listdir(Path(database.path).parent) == ["passwd.db"]


@pytest.mark.parametrize("name", ["", "-d", "a b", "a@b", "a\nb", "a\0b", "x" * 256, "a\\b"])
def test_names_that_mean_something_else_are_refused(database: SaslDatabase, name: str) -> None:
    with pytest.raises(StoreError, match="no name for a user"):
        database.add(name, b"one")
    assert not os.path.exists(database.path)


def test_a_file_that_is_no_database_is_left_alone(database: SaslDatabase) -> None:
    Path(database.path).write_bytes(b"\x00garbage\xff" * 999)
    for attempt in (database.users, lambda: database.add("alice", b"one")):
        with pytest.raises(StoreError, match=r"sasldblistusers2|saslpasswd2"):
            attempt()
    assert Path(database.path).read_bytes() == b"\x00garbage\xff" * 999


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/etc/passwd", path)])
def test_what_is_no_file_is_refused(database: SaslDatabase, make: object) -> None:
    make(database.path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=r"no regular file|is a link|is a directory"):
        database.add("alice", b"one")


def test_an_empty_file_becomes_a_database(database: SaslDatabase) -> None:
    Path(database.path).touch()
    database.add("alice", b"one")
    assert names(database) == ["alice"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        SaslDatabase(str(tmp_path / "none/passwd.db"), "libvirt", Programs()).add("alice", b"one")


def test_what_is_not_installed_is_named(database: SaslDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Programs, "finds", lambda *_: None)
    with pytest.raises(StoreError, match="install sasl2-bin"):
        database.add("alice", b"one")


def test_a_place_that_cannot_be_looked_at_has_not_no_users(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="not a directory"):
        SaslDatabase(str(tmp_path / "file" / "passwd.db"), "libvirt", Programs()).users()

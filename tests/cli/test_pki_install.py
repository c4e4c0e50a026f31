"""`virt-warden pki install`: a folder of certificates in the places of a host, or of one user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.apply.copying import Site
from tests.apply.worlds import tree
from virtwarden.cli import main

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")


class Command:
    """The command, for an image, with a folder of certificates that lies beside it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = Site(folder)
        self.capsys = capsys
        self.offered = self.site.path("/offered")

    def offer(self, use: str, role: str = "server") -> None:
        self.site.offer(use, role, "/offered")

    def run(self, *words: str, code: int = 0) -> str:
        state = ("--state", str(self.site.folder / "state"))
        root = ("--root", str(self.site.root)) if words[0] == "pki" else ()
        assert main([*words, *root, *state]) == code, self.capsys.readouterr()
        told = self.capsys.readouterr()
        return told.out + told.err

    def install(self, *words: str, code: int = 0) -> str:
        return self.run("pki", "install", str(self.offered), *words, code=code)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    os.umask(0o022)
    return Command(tmp_path, capsys)


def test_a_host_gets_all_that_it_serves_with_and_gives_it_back(command: Command) -> None:
    command.offer("libvirt")
    command.offer("vnc")
    start = tree(command.site.root)
    command.install("--yes")
    assert command.site.path("/etc/pki/libvirt/private/serverkey.pem").stat().st_mode & 0o777 == 0o600
    assert command.site.path("/etc/pki/libvirt-vnc/server-key.pem").stat().st_mode & 0o777 == 0o640
    assert command.install("--yes") == "everything is in its place already\n"
    command.run("rollback")
    assert tree(command.site.root) == start


def test_a_dry_run_shows_what_would_be_and_changes_nothing(command: Command) -> None:
    command.offer("libvirt")
    start = tree(command.site.root)
    told = command.install("--dry-run")
    assert "private/serverkey.pem  0600 root:root\n  serverkey.pem: the private key of a server\n" in told
    assert "PRIVATE KEY" not in told
    assert tree(command.site.root) == start


def test_only_the_uses_that_are_named_are_placed(command: Command) -> None:
    command.offer("libvirt")
    command.offer("vnc")
    command.install("--uses", "vnc", "--yes")
    assert not command.site.path("/etc/pki/libvirt").exists()
    assert command.site.path("/etc/pki/libvirt-vnc/server-cert.pem").exists()


def test_a_user_gets_files_of_his_own_for_virsh_and_for_viewers(command: Command) -> None:
    command.offer("libvirt", "client")
    home = command.site.path("/home/ann")
    home.mkdir(parents=True)
    os.chown(home, 1000, 1000)
    command.install("--for", "user", "ann", "--yes")
    found = {str(path.relative_to(home)): path.stat() for path in home.rglob("*")}
    assert {name for name in found if name.endswith(".pem")} == {
        ".pki/libvirt/cacert.pem", ".pki/libvirt/clientcert.pem", ".pki/libvirt/clientkey.pem", ".pki/CA/cacert.pem",
        ".pki/libvirt-vnc/clientcert.pem", ".pki/libvirt-vnc/private/clientkey.pem",
    }  # fmt: skip
    assert {(stat.st_uid, stat.st_gid, stat.st_mode & 0o077) for stat in found.values()} == {(1000, 1000, 0)}
    assert command.install("--for", "user", "ann", "--yes") == "everything is in its place already\n"
    command.run("rollback")
    assert list(home.iterdir()) == []


def test_the_name_may_stand_before_the_folder(command: Command) -> None:
    command.offer("libvirt", "client")
    command.site.path("/home/ann").mkdir(parents=True)
    command.run("pki", "install", "--for", "user", "ann", str(command.offered), "--yes")
    assert command.site.path("/home/ann/.pki/libvirt/clientkey.pem").exists()


def test_a_home_that_is_a_link_of_the_users_is_not_followed(command: Command) -> None:
    command.offer("libvirt", "client")
    command.site.put("/etc/victim/x", "")
    home = command.site.path("/home/ann")
    home.mkdir(parents=True)
    (home / ".pki").symlink_to("/etc/victim")
    os.chown(home / ".pki", 1000, 1000, follow_symlinks=False)
    assert "another user made" in command.install("--for", "user", "ann", "--yes", code=3)
    assert [path.name for path in command.site.path("/etc/victim").iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--for", "server"), "has no servercert.pem"),
        (("--for", "user", "nobody-here"), "there is no user nobody-here"),
        (("--for", "admin"), "--for is server, client or user NAME"),
        (("--for", "user"), "whose? --for user NAME"),
        (("--for", "client", "ann"), "--for client takes no ann"),
        (("--uses", "video"), "there is no use video"),
        ((), "there is no terminal to ask on"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(command: Command, words: tuple[str, ...], says: str) -> None:
    command.offer("libvirt", "client")
    start = tree(command.site.root)
    assert says in command.install(*words, code=3)
    assert tree(command.site.root) == start


def test_the_authoritys_own_key_is_never_placed(command: Command) -> None:
    command.offer("libvirt")
    key = (command.offered / "libvirt/serverkey.pem").read_text()
    command.site.put("/offered/cakey.pem", key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
    assert "is the authority's private key" in command.install("--yes", code=3)
    assert not command.site.path("/etc/pki").exists()


def test_a_set_that_does_not_fit_is_refused_whole(command: Command) -> None:
    command.offer("libvirt")
    command.offer("vnc")
    command.site.put("/offered/vnc/serverkey.pem", (command.offered / "libvirt/serverkey.pem").read_text(), 0o600)
    assert "serverkey.pem is not its key" in command.install("--yes", code=3)
    assert not command.site.path("/etc/pki").exists()
    command.install("--uses", "libvirt", "--yes")


def test_a_key_that_others_may_have_read_is_told_of(command: Command) -> None:
    command.offer("libvirt")
    (command.offered / "libvirt/serverkey.pem").chmod(0o644)
    assert "may be read by others (mode 0644)" in command.install("--dry-run")


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"\xff" * 100, b"-----BEGIN CERTIFICATE-----\n" * 1000])
def test_files_of_any_content_are_refused_in_a_sentence(command: Command, data: bytes) -> None:
    command.offer("libvirt")
    for name in ("cacert", "servercert", "serverkey", "cacrl"):
        place = command.offered / f"libvirt/{name}.pem"
        before = place.read_bytes() if place.exists() else None
        place.write_bytes(data)
        assert "nothing was placed" in command.install("--yes", code=3)
        place.unlink()
        if before is not None:
            place.write_bytes(before)


def test_fifos_and_directories_in_the_folder_are_refused_in_a_sentence(command: Command) -> None:
    command.offer("libvirt")
    key = command.offered / "libvirt/serverkey.pem"
    key.unlink()
    os.mkfifo(key)
    assert "nothing was placed" in command.install("--yes", code=3)
    key.unlink()
    key.mkdir()
    assert "nothing was placed" in command.install("--yes", code=3)

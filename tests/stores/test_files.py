"""Files are replaced in one step, keep all that belongs to them, and come back byte for byte."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.edits import AddLine, Replace, SetConf, SetMode
from virtwarden.model import Document
from virtwarden.stores import acl
from virtwarden.stores.files import Files
from virtwarden.stores.images import FileImage, Nothing, StoreError, between, same

CONF = Document("file", "/etc/libvirt/qemu.conf")
TLS = (SetConf("vnc_tls", 1),)
PRIVATE = (SetMode(mode=0o600),)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "etc/libvirt").mkdir(parents=True)
    (folder / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nqemu:x:107:107::/:/bin/false\n")
    (folder / "etc/group").write_text("root:x:0:\nkvm:x:36:\n")
    (folder / "etc/libvirt/qemu.conf").write_bytes(b"# top\nvnc_tls = 0\n\xff odd\n")
    os.chmod(folder / "etc/libvirt/qemu.conf", 0o640)
    return folder


def written(root: Path, document: Document, edits: tuple[object, ...]) -> None:
    files = Files(str(root))
    before = files.image(document.name, edits)  # type: ignore[arg-type]
    files.put(document.name, files.edited(document, before, edits))  # type: ignore[arg-type]


def test_a_new_text_keeps_mode_and_attributes_and_every_other_byte(root: Path) -> None:
    path = root / "etc/libvirt/qemu.conf"
    os.setxattr(path, "user.note", b"kept")
    written(root, Document("file", "/etc/libvirt/qemu.conf"), (AddLine("new = 1"),))
    assert path.read_bytes() == b"# top\nvnc_tls = 0\n\xff odd\nnew = 1\n"
    assert path.stat().st_mode & 0o7777 == 0o640
    assert os.getxattr(path, "user.note") == b"kept"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["qemu.conf"]


def test_what_was_put_back_is_as_it_was(root: Path) -> None:
    files, path = Files(str(root)), root / "etc/libvirt/qemu.conf"
    path.write_text("vnc_tls = 0\n")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    before = files.image(CONF.name)
    after = files.edited(CONF, files.edited(CONF, before, TLS), PRIVATE)
    stored = files.put(CONF.name, after)
    assert same(stored, after)
    assert not same(stored, before)
    assert path.read_text() == "vnc_tls = 1\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert same(files.put(CONF.name, before), before)
    assert path.stat().st_mtime_ns == 1_700_000_000_123_456_789


def test_a_file_that_was_not_there_goes_again(root: Path) -> None:
    files, document = Files(str(root)), Document("file", "/etc/sysctl.d/90-x.conf")
    assert files.missing_directories(document.name) == ["/etc/sysctl.d"]
    files.put("/etc/sysctl.d", files.directory())
    before = files.image(document.name)
    assert before == Nothing()
    files.put(document.name, files.edited(document, before, (Replace("a = 1\n"),)))
    assert (root / "etc/sysctl.d/90-x.conf").read_text() == "a = 1\n"
    files.put(document.name, before)
    files.put("/etc/sysctl.d", Nothing())
    assert not (root / "etc/sysctl.d").exists()


def test_a_directory_into_which_others_put_files_stays(root: Path) -> None:
    files = Files(str(root))
    files.put("/etc/sysctl.d", files.directory())
    (root / "etc/sysctl.d/theirs.conf").write_text("b = 1\n")
    files.put("/etc/sysctl.d", Nothing())
    assert (root / "etc/sysctl.d/theirs.conf").exists()


def test_a_link_is_followed_within_the_root_and_stays_a_link(root: Path) -> None:
    (root / "etc/sysctl.conf").write_text("a = 0\n")
    (root / "etc/link.conf").symlink_to("/etc/sysctl.conf")
    written(root, Document("file", "/etc/link.conf"), (AddLine("b = 1"),))
    assert (root / "etc/link.conf").is_symlink()
    assert (root / "etc/sysctl.conf").read_text() == "a = 0\nb = 1\n"


def test_no_link_leads_out_of_the_root(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("theirs\n")
    (root / "etc/evil.conf").symlink_to(f"../../../../../../../..{outside}")
    (root / "etc/loop.conf").symlink_to("loop.conf")
    for name in ("/etc/evil.conf", "/etc/loop.conf"):
        with pytest.raises(StoreError):
            written(root, Document("file", name), (Replace("ours\n"),))
    assert outside.read_text() == "theirs\n"


def test_a_file_of_several_names_is_refused(root: Path) -> None:
    os.link(root / "etc/libvirt/qemu.conf", root / "etc/other.conf")
    with pytest.raises(StoreError, match="2 names"):
        Files(str(root)).image(CONF.name, TLS)
    written(root, CONF, PRIVATE)
    assert (root / "etc/other.conf").stat().st_mode & 0o7777 == 0o600


def test_what_an_interrupted_replacement_left_is_swept(root: Path) -> None:
    left = root / "etc/libvirt/.qemu.conf.virt-warden"
    left.write_text("half of")
    written(root, CONF, PRIVATE)
    assert not left.exists()


def test_permissions_change_without_the_bytes_being_read(root: Path) -> None:
    image = root / "etc/disk.img"
    with image.open("wb") as file:
        file.truncate(1 << 40)
    document = Document("file", "/etc/disk.img")
    written(root, document, PRIVATE)
    assert image.stat().st_mode & 0o7777 == 0o600
    assert image.stat().st_size == 1 << 40


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_names_of_owners_are_those_of_the_image(root: Path) -> None:
    written(root, CONF, (SetMode(owner="qemu", group="kvm"),))
    found = (root / "etc/libvirt/qemu.conf").stat()
    assert (found.st_uid, found.st_gid) == (107, 36)
    with pytest.raises(StoreError, match="no nobody-here"):
        written(root, CONF, (SetMode(owner="nobody-here"),))


@pytest.mark.skipif(shutil.which("setfacl") is None, reason="setfacl is not installed")
def test_an_access_list_follows_the_mode_and_comes_back(root: Path) -> None:
    files, path = Files(str(root)), root / "etc/libvirt/qemu.conf"
    done = subprocess.run(["setfacl", "-m", "u:65534:rw", str(path)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this file system has no access lists")
    before = files.image(CONF.name, PRIVATE)
    stored = files.put(CONF.name, files.edited(CONF, before, PRIVATE))
    assert path.stat().st_mode & 0o7777 == 0o600
    assert isinstance(stored, FileImage)
    assert acl.NAME in stored.xattrs
    assert same(files.put(CONF.name, before), before)


def entries(perms: list[tuple[int, int]]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, perm, 0xFFFFFFFF) for tag, perm in perms)


def test_a_mode_becomes_an_access_list() -> None:
    assert acl.with_mode(entries([(1, 6), (4, 4), (0x20, 4)]), 0o600) == entries([(1, 6), (4, 0), (0x20, 0)])
    assert acl.with_mode(entries([(1, 6), (2, 6), (4, 4), (0x10, 6), (0x20, 4)]), 0o640) == entries(
        [(1, 6), (2, 6), (4, 4), (0x10, 4), (0x20, 0)]
    )


@given(data=st.binary(max_size=200), mode=st.integers(0o400, 0o777))
def test_put_then_image_is_the_identity(tmp_path_factory: pytest.TempPathFactory, data: bytes, mode: int) -> None:
    folder = tmp_path_factory.mktemp("root")
    (folder / "etc").mkdir()
    files = Files(str(folder))
    image = FileImage("file", mode | 0o400, os.geteuid(), os.getegid(), {}, 0, data)
    files.put("/etc/x", image)
    assert same(files.image("/etc/x"), image)


def test_a_state_between_two_is_told_from_a_third() -> None:
    before = FileImage("file", 0o644, 0, 0, {}, 0, b"a")
    after = FileImage("file", 0o600, 5, 5, {}, 0, b"b")
    assert between(FileImage("file", 0o600, 0, 5, {}, 9, b"b"), before, after)
    assert not between(FileImage("file", 0o640, 0, 5, {}, 9, b"b"), before, after)
    assert not between(FileImage("file", 0o600, 0, 5, {}, 9, b"c"), before, after)
    assert not between(Nothing(), before, after)

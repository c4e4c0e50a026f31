"""Certificates and keys are placed as copies that no plan and no journal tells of, and that can be taken back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apply.copying import FOLDER, QEMU_GROUP, Site
from tests.apply.killing import _CALLS, killed_at, points_of
from virtwarden.apply import Refused
from virtwarden.edits import CopyOf, SetMode
from virtwarden.model import Change, Document
from virtwarden.report import ansible, planjson, plantext, shellscript
from virtwarden.sources.pemidentity import identity
from virtwarden.stores.files import Files
from virtwarden.stores.images import StoreError
from virtwarden.undo import Drifted

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
KEY = "/etc/pki/libvirt/private/serverkey.pem"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    before = os.umask(0o022)
    yield Site(tmp_path)
    os.umask(before)


def modes(site: Site) -> dict[str, tuple[str, int]]:
    found = {}
    for path in sorted(site.path("/etc/pki").rglob("*")):
        stat = path.stat()
        found[str(path.relative_to(site.path("/etc/pki")))] = (f"{stat.st_mode & 0o7777:04o}", stat.st_gid)
    return found


def test_each_file_has_its_place_owner_and_mode(site: Site) -> None:
    site.offer("libvirt")
    site.offer("vnc")
    site.apply(site.planned())
    assert modes(site) == {
        "CA": ("0755", 0),
        "CA/cacert.pem": ("0644", 0),
        "libvirt": ("0755", 0),
        "libvirt/private": ("0700", 0),
        "libvirt/private/serverkey.pem": ("0600", 0),
        "libvirt/servercert.pem": ("0644", 0),
        "libvirt-vnc": ("0750", QEMU_GROUP),
        "libvirt-vnc/ca-cert.pem": ("0644", QEMU_GROUP),
        "libvirt-vnc/server-cert.pem": ("0644", QEMU_GROUP),
        "libvirt-vnc/server-key.pem": ("0640", QEMU_GROUP),
    }
    assert all(path.stat().st_nlink == 1 for path in site.path("/etc/pki").rglob("*.pem"))
    assert site.path(KEY).read_bytes() == site.path(f"{FOLDER}/libvirt/serverkey.pem").read_bytes()


def test_what_is_in_place_needs_no_plan(site: Site) -> None:
    site.offer("libvirt")
    site.apply(site.planned())
    assert site.planned().rewrites == ()


def test_a_mode_that_is_wrong_is_mended_with_the_text_in_place(site: Site) -> None:
    site.offer("libvirt")
    site.apply(site.planned())
    site.path(KEY).chmod(0o644)
    (rewrite,) = site.planned().rewrites
    assert rewrite.diff == "-mode 0644\n+mode 0600\n"
    site.apply(site.planned())
    assert site.path(KEY).stat().st_mode & 0o777 == 0o600


def test_no_other_document_tells_the_key(site: Site) -> None:
    made = site.offer("libvirt")
    old = site.authority.issue("O=Example,CN=old", "server")
    site.put(KEY, old.key, 0o600)
    plan = site.planned()
    text = site.source.read
    told = [
        planjson.dumps(plan),
        plantext.render(plan),
        ansible.render(plan, lambda path: text(path).text),
        shellscript.render(plan, lambda path: text(path).text),
    ]
    assert planjson.loads(told[0]) == plan
    site.apply(plan)
    site.put(KEY, site.authority.issue("O=Example,CN=third", "server").key, 0o600)
    with pytest.raises(Drifted):
        site.rollback()
    told += [path.read_text("latin-1") for path in (site.folder / "state").rglob("*") if path.is_file()]
    for secret in (made.key, old.key):
        lines = [line for line in secret.splitlines() if "-----" not in line]
        assert [line for line in lines for each in (*told, *site.told) if line in each] == []
    assert f"a copy of {FOLDER}/libvirt/serverkey.pem" in told[1]
    assert f"copy {FOLDER}/libvirt/serverkey.pem {KEY} 0600 root root" in told[3]


def test_an_apply_can_be_killed_anywhere(site: Site) -> None:
    site.offer("libvirt")
    site.put(KEY, site.authority.issue("O=Example,CN=old", "server").key, 0o640)
    start, plan = site.tree(), site.planned()
    assert {each.document.kind for each in plan.rewrites} == {"directory", "file"}
    points = points_of(lambda: site.apply(plan))
    site.rollback()
    assert site.tree() == start
    for point in range(1, points + 1):
        shutil.rmtree(site.journal.folder, ignore_errors=True)
        assert killed_at(point, lambda: site.apply(plan))
        if site.tree() != start or site.journal.open_transaction() is not None:
            site.rollback()
        assert site.tree() == start, f"killed at {point}"


def test_a_rollback_can_be_killed_anywhere(site: Site) -> None:
    site.offer("libvirt")
    directory = Change(Document("directory", "/etc/pki"), SetMode(0o700, "root", "root"))
    start, plan = site.tree(), site.planned(directory, copy(site, "/etc/pki/key.pem"))
    site.apply(plan)
    points = points_of(site.rollback)
    for point in range(1, points + 1):
        shutil.rmtree(site.journal.folder, ignore_errors=True)
        site.apply(plan)
        assert killed_at(point, site.rollback)
        if site.journal.open_transaction() is not None or site.tree() != start:
            site.rollback()
        assert site.tree() == start, f"killed at {point}"


def test_no_key_is_readable_by_others_at_any_moment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at after each call that changes the disk, in an apply and in its roll-back."""
    secrets = [site.offer("libvirt").key, site.offer("vnc").key]
    old = site.authority.issue("O=Example,CN=old", "server").key
    site.put(KEY, old, 0o600)
    seen: list[int] = []

    def look() -> None:
        for secret in (*secrets, old):
            for stat in site.holders(secret):
                seen.append(stat.st_mode & 0o777)
                assert not stat.st_mode & 0o007
                assert not stat.st_mode & 0o070 or (stat.st_mode & 0o070 == 0o040 and stat.st_gid == QEMU_GROUP)

    def watched(call: Any) -> Any:
        def inner(*args: Any, **kwargs: Any) -> Any:
            result = call(*args, **kwargs)
            look()
            return result

        return inner

    plan = site.planned()
    with monkeypatch.context() as patched:
        for name in _CALLS:
            patched.setattr(os, name, watched(getattr(os, name)))
        site.apply(plan)
        site.rollback()
    assert set(seen) == {0o600, 0o640}
    assert len(seen) > 50


def test_access_lists_of_the_directory_let_nobody_read_a_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.offer("vnc")
    directory = site.path("/etc/pki/libvirt-vnc")
    directory.mkdir(parents=True)
    ann = b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x02\0\x07\0\xe8\x03\0\0\x04\0\x05\0\xff\xff\xff\xff"
    ann += b"\x10\0\x07\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff"
    try:
        os.setxattr(directory, "system.posix_acl_default", ann)
    except OSError:
        pytest.skip("no access lists on this file system")
    site.apply(site.planned())
    assert "system.posix_acl_access" not in os.listxattr(directory / "server-key.pem")


def test_a_source_that_changed_is_refused_and_nothing_is_written(site: Site) -> None:
    site.offer("libvirt")
    plan, start = site.planned(), site.tree()
    key = site.path(f"{FOLDER}/libvirt/serverkey.pem")
    good = key.read_text()
    key.write_text(site.authority.issue("O=Example,CN=x", "server").key)
    with pytest.raises(Refused, match="is another one than when the plan was made"):
        site.apply(plan)
    key.unlink()
    with pytest.raises(Refused, match="there is no"):
        site.apply(plan)
    key.write_text(good)
    assert {name: value for name, value in site.tree().items() if name in start}.keys() == start.keys()
    assert not site.path("/etc/pki").exists()


def test_a_target_that_changed_is_drift(site: Site) -> None:
    site.offer("libvirt")
    plan = site.planned()
    site.put(KEY, "something else\n")
    with pytest.raises(Refused, match="changed since the plan was made"):
        site.apply(plan)


def copy(site: Site, target: str, source: str = f"{FOLDER}/libvirt/serverkey.pem") -> Change:
    told = identity(site.path(source).read_text())
    return Change(Document("file", target), CopyOf(source, told, 0o600, "ann", "50"))


@pytest.mark.parametrize("planted", ["/home/ann/.pki", "/home/ann/.pki/libvirt", "/home/ann/.pki/libvirt/x.pem"])
def test_a_link_that_a_user_planted_is_not_followed(site: Site, planted: str) -> None:
    site.offer("libvirt")
    site.put("/etc/victim/x.pem", "whole\n")
    link = site.path(planted)
    link.parent.mkdir(parents=True)
    link.symlink_to("/etc/victim/x.pem" if planted.endswith(".pem") else "/etc/victim")
    os.chown(link, 1000, 1000, follow_symlinks=False)
    with pytest.raises((StoreError, Refused), match="is a link that another user made"):
        site.apply(site.planned(copy(site, "/home/ann/.pki/libvirt/x.pem")))
    assert site.path("/etc/victim/x.pem").read_text() == "whole\n"


def test_a_link_of_roots_own_is_followed(site: Site) -> None:
    site.offer("libvirt")
    site.put("/srv/pki/old", "")
    site.path("/etc/pki").symlink_to("/srv/pki")
    site.apply(site.planned())
    assert site.path("/srv/pki/libvirt/private/serverkey.pem").exists()


def test_a_hard_link_that_a_user_planted_is_refused(site: Site) -> None:
    site.offer("libvirt")
    site.put("/etc/shadow", "root:x\n", 0o600)
    target = site.path("/home/ann/x.pem")
    target.parent.mkdir(parents=True)
    os.link(site.path("/etc/shadow"), target)
    with pytest.raises(Exception, match="2 names"):
        site.apply(site.planned(copy(site, "/home/ann/x.pem")))
    assert site.path("/etc/shadow").read_text() == "root:x\n"
    assert site.path("/etc/shadow").stat().st_uid == 0


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (as_fifo, "no regular file"),
        (as_directory, "is a directory"),
        (lambda path: path.write_bytes(b""), "holds no certificate"),
        (lambda path: path.write_bytes(os.urandom(4096)), "holds no certificate"),
        (lambda path: path.write_bytes(b"x" * (1 << 21)), "too large"),
        (lambda path: path.write_text("-----BEGIN PRIVATE KEY-----\n"), "does not end"),
    ],
)
def test_a_source_of_another_kind_is_refused_in_a_sentence(site: Site, spoil: Any, says: str) -> None:
    site.offer("libvirt")
    change = copy(site, KEY)
    spoil(site.path(f"{FOLDER}/libvirt/serverkey.pem"))
    assert isinstance(change.edit, CopyOf)
    with pytest.raises(StoreError, match=says):
        Files(str(site.root)).copied(change.edit)


def test_permissions_that_are_asked_for_besides_narrow_those_of_the_copy(site: Site) -> None:
    """In either order, and whether the file is there or not."""
    site.offer("libvirt")
    narrower = Change(Document("file", KEY), SetMode(0o400))
    for wanted in ((copy(site, KEY), narrower), (narrower, copy(site, KEY))):
        site.apply(site.planned(*wanted))
        assert site.path(KEY).stat().st_mode & 0o777 == 0o400
        site.rollback()
        assert not site.path(KEY).exists()

"""A mounted image as a source: its links stay inside, and what only a running kernel makes is unknown."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from virtwarden.host import Absent, Unknown
from virtwarden.sources import SourceError
from virtwarden.sources.root import Root


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image that holds its own passwd file, next to a secret that is not part of it."""
    (tmp_path / "outside").write_text("outside")
    (tmp_path / "outdir").mkdir()
    (tmp_path / "outdir/x.xml").write_text("outside")
    root = tmp_path / "root"
    for directory in ("etc/libvirt/qemu", "var/lib", "proc", "run/libvirt", "usr/bin", "dev", "sys"):
        (root / directory).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/:\nimager:x:4711:4712::/:\nlate:x:4711:1::/:\nbroken\n")
    (root / "etc/group").write_text("imagers:x:4712:\n")
    (root / "etc/hostname").write_text("image\n")
    (root / "proc/version").write_text("left over")
    (root / "run/libvirt/x").write_text("left over")
    (root / "etc/libvirt/qemu/web.xml").write_text("<domain/>")
    return root


@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("etc/a", "/etc/hostname", "/etc/a"),
        ("etc/b", "../../../../../../etc/hostname", "/etc/b"),
        ("etc/c", "../var/../etc/./hostname", "/etc/c"),
        ("bin", "/usr/bin", "/bin/../../etc/hostname"),
        ("lib", "var/lib", "/lib/../../etc/hostname"),
        ("all", "/", "/all/all/all/etc/hostname"),
    ],
)
def test_links_are_followed_inside_the_image(image: Path, link: str, target: str, path: str) -> None:
    (image / link).symlink_to(target)
    source = Root(str(image))
    assert source.read(path).text == "image\n"
    assert source.stat(path).real == "/etc/hostname"


def test_no_link_leads_out(image: Path, tmp_path: Path) -> None:
    outside = str(tmp_path / "outside")
    for name, target in (
        ("absolute", outside),
        ("up", "../../outside"),
        ("far", "../" * 30 + outside.lstrip("/")),
        ("self", f"/proc/self/root{outside}"),
    ):
        (image / "etc" / name).symlink_to(target)
    (image / "etc/dir").symlink_to(tmp_path / "outdir")
    (image / "etc/updir").symlink_to("../../outdir")
    source = Root(str(image))
    for name in ("absolute", "up", "far", "self", "dir/x.xml", "updir/x.xml", "../../outside"):
        for ask in (source.read, source.stat, lambda path: source.head(path, 4)):
            with pytest.raises((Absent, Unknown)):
                ask(f"/etc/{name}")
    assert source.glob("/etc/dir/*") == source.glob("/etc/*dir/*.xml") == []
    assert "/etc/updir" in source.glob("/etc/*dir")


def test_a_chain_of_links_has_an_end(image: Path) -> None:
    (image / "etc/loop").symlink_to("loop")
    (image / "etc/grow").symlink_to("grow/grow")
    for name in ("loop", "grow", "loop/below"):
        with pytest.raises(Unknown, match="too many levels of symbolic links"):
            Root(str(image)).read(f"/etc/{name}")


@pytest.mark.parametrize("path", ["/proc/version", "/sys/x", "/run/libvirt/x", "/dev/null", "/var/run/x", "/proc"])
def test_what_only_runs_is_unknown(image: Path, path: str) -> None:
    source = Root(str(image))
    place = "/var/run" if path.startswith("/var") else "/" + path.split("/")[1]
    for ask in (source.read, source.stat, source.glob):
        with pytest.raises(Unknown, match=f"{place} is not part of an image"):
            ask(path)
    with pytest.raises(Unknown, match="is not part of an image"):
        source.glob(f"{place}/*")


def test_links_into_what_only_runs_are_unknown_too(image: Path) -> None:
    (image / "var/lock").symlink_to("/run/lock")
    (image / "etc/mtab").symlink_to("../proc/self/mounts")
    (image / "etc/state").symlink_to("/run/libvirt")
    source = Root(str(image))
    for path in ("/var/lock/x", "/etc/mtab", "/etc/state/x"):
        with pytest.raises(Unknown, match="is not part of an image"):
            source.read(path)
    with pytest.raises(Unknown, match="is not part of an image"):
        source.glob("/etc/state/*")


def test_owners_have_the_names_that_the_image_gives_them(image: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(image / "etc/hostname", 4711, 4712)
    os.chown(image / "etc/libvirt/qemu/web.xml", 999, 998)
    found = Root(str(image)).stat("/etc/hostname")
    assert (found.uid, found.gid, found.owner, found.group) == (4711, 4712, "imager", "imagers")
    numbered = Root(str(image)).stat("/etc/libvirt/qemu/web.xml")
    assert (numbered.owner, numbered.group) == ("999", "998")


def test_an_image_without_a_passwd_file_has_numbers(image: Path) -> None:
    (image / "etc/passwd").unlink()
    (image / "etc/group").unlink()
    found = Root(str(image)).stat("/etc/hostname")
    assert (found.owner, found.group) == (str(found.uid), str(found.gid))


def test_files_and_patterns_are_those_of_the_image(image: Path) -> None:
    source = Root(str(image))
    assert source.glob("/etc/libvirt/qemu/*.xml") == ["/etc/libvirt/qemu/web.xml"]
    assert source.glob("/etc/none/*") == source.glob("/etc/none") == []
    assert source.read("/etc/libvirt/qemu/web.xml").path == "/etc/libvirt/qemu/web.xml"
    assert source.head("/etc/hostname", 2).data == b"im"
    with pytest.raises(Absent, match="there is no /etc/none"):
        source.read("/etc/none")
    with pytest.raises(Absent):
        source.read("/etc/hostname/below")
    with pytest.raises(Unknown, match="a directory has no text"):
        source.read("/etc")


def test_pipes_and_devices_of_an_image_are_not_opened(image: Path) -> None:
    os.mkfifo(image / "etc/pipe")
    with pytest.raises(Unknown, match="a named pipe is not opened"):
        Root(str(image)).read("/etc/pipe")


def test_no_program_of_an_image_is_run(image: Path) -> None:
    with pytest.raises(Unknown, match="is an image, not a running machine"):
        Root(str(image)).run("true")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "there is no directory"),
        ("empty", "is not the root of a system"),
        ("root/etc/hostname", "there is no directory"),
    ],
)
def test_a_directory_that_is_no_system_is_refused(image: Path, tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=words):
        Root(str(tmp_path / name))


def test_few_directories_stay_open_and_none_once_the_source_is_gone(image: Path) -> None:
    (image / "etc/loop").symlink_to("loop")
    before = len(os.listdir("/proc/self/fd"))
    source = Root(str(image))
    for number in range(100):
        (image / f"srv/{number}").mkdir(parents=True)
    paths = [f"/srv/{number}/none" for number in range(100)]
    for path in ("/etc/hostname", "/etc/none", "/etc/loop", "/proc/x", "/etc", "/etc/../etc/hostname", *paths):
        for ask in (source.read, source.stat, source.glob):
            with suppress(Absent, Unknown):
                ask(path)
    assert len(os.listdir("/proc/self/fd")) <= before + 4 * 32
    del source, ask
    assert len(os.listdir("/proc/self/fd")) == before

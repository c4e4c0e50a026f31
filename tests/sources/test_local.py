"""This machine as a source: what it reads, what it will not touch, and what it does not wait for."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtwarden.host import Absent, Unknown
from virtwarden.sources import process
from virtwarden.sources.local import Local

NOBODY = 65534


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """As an ordinary user, whoever runs the tests."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)
    os.setegid(0)


def test_a_file_is_read_with_every_byte_it_has(tmp_path: Path) -> None:
    data = bytes(range(256)) + "gäste\r\n".encode()
    (tmp_path / "junk").write_bytes(data)
    text = Local().read(str(tmp_path / "junk"))
    assert text.text.encode("utf-8", "surrogateescape") == data
    assert text.at.tzinfo is not None


@pytest.mark.parametrize("path", ["/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_files_of_the_kernel_have_text_though_their_size_is_nought(path: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"this kernel has no {path}")
    assert Local().read(path).text


def test_what_is_not_there_is_absent_and_what_is_no_file_is_unknown(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "sock"))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "file").write_text("x")
    source = Local()
    for name in ("gone", "nowhere", "file/below"):
        with pytest.raises(Absent, match=f"there is no {tmp_path}/{name}"):
            source.read(str(tmp_path / name))
        with pytest.raises(Absent):
            source.stat(str(tmp_path / name))
    for path, words in (
        (tmp_path, "a directory has no text"),
        (tmp_path / "pipe", "a named pipe is not opened"),
        (tmp_path / "sock", "a socket has no text"),
        (tmp_path / "loop", "too many levels of symbolic links"),
        ("/dev/zero", "a character device is not opened"),
    ):
        with pytest.raises(Unknown, match=f"{path}: {words}"):
            source.read(str(path))
        with pytest.raises(Unknown, match=words):
            source.head(str(path), 16)
    listener.close()


def test_a_reader_that_would_wait_does_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    started = time.monotonic()
    with pytest.raises(Unknown):
        Local().head(str(tmp_path / "pipe"), 1)
    assert time.monotonic() - started < 5


def test_a_file_beyond_the_limit_is_unknown_and_its_head_is_not(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 4097)
    source = Local(limit=4096)
    with pytest.raises(Unknown, match="longer than the 4096 bytes"):
        source.read(str(tmp_path / "big"))
    assert source.head(str(tmp_path / "big"), 3).data == b"xxx"


@pytest.mark.usefixtures("unprivileged")
def test_refusals_name_the_path_and_the_reason() -> None:
    source = Local()
    for path in ("/etc/shadow", "/root/x"):
        if not os.path.exists("/etc/shadow"):
            pytest.skip("this host has no shadow file")
        with pytest.raises(Unknown, match=f"{path}: permission denied"):
            source.read(path)
    with pytest.raises(Unknown, match="/root: permission denied"):
        source.glob("/root/*")
    with pytest.raises(Unknown, match="/root/x: permission denied"):
        source.glob("/root/x")


@pytest.mark.parametrize("path", ["etc/passwd", "", "../etc/passwd"])
def test_a_path_that_depends_on_where_we_are_is_unknown(path: str) -> None:
    source = Local()
    for ask in (source.read, source.stat, source.glob):
        with pytest.raises(Unknown, match="not an absolute path"):
            ask(path)


@pytest.mark.parametrize("path", ["/etc/a\0b", "/etc/\ud800"])
def test_what_cannot_be_a_path_is_unknown(path: str) -> None:
    for ask in (Local().read, Local().stat, Local().glob):
        with pytest.raises(Unknown, match="cannot be a path"):
            ask(path)


def test_stat_follows_links_and_tells_where_they_end(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("abc")
    (tmp_path / "file").chmod(0o4750)
    os.link(tmp_path / "file", tmp_path / "twin")
    (tmp_path / "link").symlink_to("file")
    found = Local().stat(str(tmp_path / "link"))
    real = os.stat(tmp_path / "file")
    assert (found.path, found.real) == (str(tmp_path / "link"), os.path.realpath(tmp_path / "file"))
    assert (found.kind, found.mode, found.size, found.links) == ("file", 0o4750, 3, 2)
    assert found.inode == f"{real.st_dev}:{real.st_ino}"
    assert found.mtime == int(real.st_mtime)
    if os.geteuid() == 0:
        os.chown(tmp_path / "file", 0, 54321)
        assert (Local().stat(str(tmp_path / "file")).owner, Local().stat(str(tmp_path / "file")).group) == (
            "root",
            "54321",
        )


def test_the_namespace_of_a_process_is_told_by_its_inode() -> None:
    found = Local().stat("/proc/self/ns/mnt")
    assert found.real == "/proc/self/ns/mnt"
    assert found.inode.endswith(os.readlink("/proc/self/ns/mnt").partition("[")[2].rstrip("]"))


def test_the_security_label_is_read_raw(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Local().stat("/proc/self/status").label is None or os.path.exists("/sys/fs/selinux/enforce")
    try:
        os.setxattr(tmp_path / "file", "security.selinux", b"system_u:object_r:virt_image_t:s0\0")
    except OSError:
        pytest.skip("this file system keeps no labels")
    assert Local().stat(str(tmp_path / "file")).label == "system_u:object_r:virt_image_t:s0"


def test_patterns_match_as_in_a_shell(tmp_path: Path) -> None:
    for name in ("b.xml", "a.xml", ".hidden.xml", "a.conf", "sub/c.xml", "sub/d.txt", "[x].xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "dangling.xml").symlink_to("gone")
    glob = Local().glob

    def found(pattern: str) -> list[str]:
        return [path.removeprefix(f"{tmp_path}/") for path in glob(f"{tmp_path}/{pattern}")]

    assert found("*.xml") == ["[x].xml", "a.xml", "b.xml", "dangling.xml"]
    assert found(".*.xml") == [".hidden.xml"]
    assert found("*/*.xml") == ["sub/c.xml"]
    assert found("*/d.txt") == ["sub/d.txt"]
    assert found("[!a].xml") == ["b.xml"]
    assert found("?.conf") == ["a.conf"]
    assert found("gone/*") == found("a.xml/*") == found("none") == []
    assert found("dangling.xml") == ["dangling.xml"]


def test_a_command_speaks_english_on_both_streams_and_ends_as_it_ends() -> None:
    output = Local().run("sh", "-c", 'echo "$LC_ALL"; cat; echo no >&2; pwd; exit 7')
    assert (output.code, output.stdout, output.stderr) == (7, "C\n/\n", "no\n")
    assert Local().run("sh", "-c", "kill -9 $$").code == 137
    assert Local().run("printf", "\\000\\377").stdout.encode("utf-8", "surrogateescape") == b"\0\xff"


def test_commands_are_found_where_administrators_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere:.")
    assert Local().run("sh", "-c", "echo $PATH").stdout.startswith("/nowhere:/usr/local/sbin:")
    with pytest.raises(Absent, match="no-such-command is not installed"):
        Local().run("no-such-command", "--version")


def test_what_may_not_be_run_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("")
    with pytest.raises(Unknown, match="cannot be run: permission denied"):
        Local().run(str(tmp_path / "text"))
    with pytest.raises(Unknown, match="cannot be run: embedded null byte"):
        Local().run("echo", "a\0b")


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    started = time.monotonic()
    with pytest.raises(Unknown, match=r"did not end within 0\.5 s"):
        Local(timeout=0.5).run("sh", "-c", f"sleep 60 & echo $! > {mark}; wait")
    assert time.monotonic() - started < 10
    for _ in range(50):
        if not _alive(int(mark.read_text())):
            return
        time.sleep(0.1)
    pytest.fail("the child of the command that was killed is still there")


def test_a_command_that_floods_is_cut_off() -> None:
    with pytest.raises(Unknown, match="printed more than 100000 bytes"):
        process.run(("sh", "-c", "yes; yes >&2"), limit=100_000)


def test_nothing_stays_open() -> None:
    source = Local()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        source.read("/etc/passwd")
        source.run("true")
        for path in ("/dev/null", "/nope", "/etc"):
            with pytest.raises((Absent, Unknown)):
                source.read(path)
    assert len(os.listdir("/proc/self/fd")) == before


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

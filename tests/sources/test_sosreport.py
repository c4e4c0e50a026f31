"""Archives of the sos tool as a source: what is collected, what is shown to be absent, and what is hostile."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import shutil
import struct
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.archives import MADE, SIGN, TOP, Archive, add, ran
from virtwarden.host import Absent, Unknown, reading
from virtwarden.sources import SourceError, archivetree
from virtwarden.sources.sosnotes import listings, mangled
from virtwarden.sources.sosreport import SosReport

WEB = {"etc/libvirt/qemu/web.xml": b"<domain/>", "etc/hostname": b"kvm7\n"}
BOOT = b"""\
/boot:
total 20
dr-xr-xr-x.  3 0 0   64 Nov  3 12:00 .
dr-xr-xr-x. 17 0 0  224 Nov  3  2020 ..
-rw-------.  1 0 0 1204 Nov  3 12:00 grub.cfg
lrwxrwxrwx.  1 0 0    9 Nov  3 12:00 link -> ../x y
brw-rw----.  1 0 6 8, 1 Nov  3 12:00 device
drwxr-xr-x.  2 0 0    6 2026-01-01 12:00:00.000000000 +0000 a b

/boot/a b:
total 0
"""


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_are_read_from_every_kind_of_archive(tmp_path: Path, mode: str) -> None:
    large = random.Random(1).randbytes(300_000)
    source = SosReport(Archive({**WEB, "var/log/large": large, "etc/last": b"z"}).write(tmp_path / "a", mode))
    assert source.read("/etc/hostname").text == "kvm7\n"
    assert source.read("/var/log/large").text.encode("utf-8", "surrogateescape") == large
    assert source.read("/etc/last").text == "z"
    assert source.head("/var/log/large", 5).data == large[:5]
    assert source.taken_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert source.read("/etc/hostname").at == source.taken_at
    assert source.name == str(tmp_path / "a")
    source.fetch([reading("/etc/hostname")])
    source.close()


def test_an_archive_by_zstd_is_read_where_that_program_is(tmp_path: Path) -> None:
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    Archive(WEB).write(tmp_path / "a.tar", "w")
    os.spawnlp(os.P_WAIT, "zstd", "zstd", "-q", str(tmp_path / "a.tar"))
    assert SosReport(str(tmp_path / "a.tar.zst")).read("/etc/hostname").text == "kvm7\n"


def test_without_zstd_the_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "a").write_bytes(b"\x28\xb5\x2f\xfdjunk")
    with pytest.raises(SourceError, match="zstd, which is not installed here"):
        SosReport(str(tmp_path / "a"))


@pytest.mark.parametrize("below", ["", TOP])
def test_an_unpacked_directory_is_read_too(tmp_path: Path, below: str) -> None:
    archive = Archive({**WEB, "sos_commands/kernel/uname_-a": b"Linux\n"}, {"etc/alias": "hostname"})
    archive.unpack(tmp_path)
    (tmp_path / TOP / "etc/outside").symlink_to("/etc/passwd")
    source = SosReport(str(tmp_path / below))
    assert source.read("/etc/alias").text == "kvm7\n"
    assert source.run("uname", "-a").stdout == "Linux\n"
    assert source.glob("/etc/libvirt/qemu/*.xml") == ["/etc/libvirt/qemu/web.xml"]
    with pytest.raises(Unknown, match="/etc/outside was not collected"):
        source.read("/etc/outside")


def test_owners_count_only_where_root_unpacked(tmp_path: Path) -> None:
    Archive(WEB).unpack(tmp_path)
    if os.geteuid() == 0:
        assert SosReport(str(tmp_path)).stat("/etc/hostname").owner == "0"
        os.chown(tmp_path / TOP / "etc", 1000, 1000)
    with pytest.raises(Unknown, match="those of whoever unpacked it"):
        SosReport(str(tmp_path)).stat("/etc/hostname")


def test_stat_is_what_the_archive_keeps(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as tar:
        add(tar, f"{TOP}/sos_commands/x/y")
        add(tar, f"{TOP}/etc/libvirt", kind=tarfile.DIRTYPE, mode=0o700)
        add(tar, f"{TOP}/etc/libvirt/qemu.conf", b"abc", mode=0o600, label="system_u:object_r:virt_etc_t:s0")
        add(tar, f"{TOP}/etc/twin", kind=tarfile.LNKTYPE, link=f"{TOP}/etc/libvirt/qemu.conf")
        add(tar, f"{TOP}/dev/null", kind=tarfile.CHRTYPE)
    source = SosReport(str(tmp_path / "a"))
    found = source.stat("/etc/libvirt/qemu.conf")
    assert (found.kind, found.mode, found.size, found.mtime) == ("file", 0o600, 3, MADE)
    assert (found.uid, found.gid, found.owner, found.group) == (0, 107, "root", "qemu")
    assert found.label == "system_u:object_r:virt_etc_t:s0"
    assert source.stat("/etc/twin").inode == found.inode
    assert source.read("/etc/twin").text == "abc"
    assert (source.stat("/etc/libvirt").kind, source.stat("/etc/libvirt").mode) == ("dir", 0o700)
    with pytest.raises(Unknown, match="only what is below it was collected"):
        source.stat("/etc")
    with pytest.raises(Unknown, match="a directory has no text"):
        source.read("/etc/libvirt")
    with pytest.raises(Unknown, match="a character device is not opened"):
        source.read("/dev/null")


def test_links_are_followed_inside_the_archive(tmp_path: Path) -> None:
    links = {
        "etc/near": "hostname",
        "etc/rooted": "/etc/hostname",
        "etc/high": "../../../../../etc/hostname",
        "lib": "usr/lib",
        "etc/loop": "loop",
        "etc/out": "/root/secret",
    }
    source = SosReport(Archive({**WEB, "usr/lib/unit": b"[Unit]"}, links).write(tmp_path / "a"))
    for name in ("near", "rooted", "high", "../lib/../../etc/near"):
        assert source.read(f"/etc/{name}").text == "kvm7\n"
    assert source.stat("/etc/near").real == "/etc/hostname"
    assert source.glob("/lib/*") == ["/lib/unit"]
    with pytest.raises(Unknown, match="too many levels of symbolic links"):
        source.read("/etc/loop")
    with pytest.raises(Unknown, match="/etc/out was not collected"):
        source.read("/etc/out")
    with pytest.raises(Absent):
        source.read("/etc/hostname/below")


def test_what_was_not_collected_is_unknown(tmp_path: Path) -> None:
    source = SosReport(Archive(WEB).write(tmp_path / "a"))
    for ask in (source.read, source.stat, source.glob):
        with pytest.raises(Unknown, match="was not collected in"):
            ask("/etc/libvirt/qemu.conf")
    for pattern in ("/etc/libvirt/nwfilter/*.xml", "/etc/libvirt/qemu/*.conf", "/etc/*/none"):
        with pytest.raises(Unknown, match="was not collected in"):
            source.glob(pattern)
    with pytest.raises(Unknown, match="the output of auditctl -l was not collected"):
        source.run("auditctl", "-l")
    with pytest.raises(Unknown, match="not an absolute path"):
        source.read("etc/hostname")


def test_a_listing_shows_what_is_absent(tmp_path: Path) -> None:
    source = SosReport(Archive({**WEB, "sos_commands/boot/ls_-lanR_.boot": BOOT}).write(tmp_path / "a"))
    with pytest.raises(Absent, match=r"there is no /boot/menu\.lst"):
        source.stat("/boot/menu.lst")
    assert source.glob("/boot/*.cfg") == ["/boot/grub.cfg"]
    assert source.glob("/boot/*.lst") == []
    assert source.glob("/boot/a b/*") == []
    assert source.glob("/boot/none/*") == []
    with pytest.raises(Unknown, match=r"/boot/grub\.cfg was not collected"):
        source.read("/boot/grub.cfg")
    for path in ("/boot/.hidden", "/boot/efi/x/../../.y"):
        with pytest.raises((Unknown, Absent)) as refused:
            source.stat(path)
        assert refused.type is (Unknown if path == "/boot/.hidden" else Absent)


@pytest.mark.parametrize(
    "text",
    [
        BOOT.replace(b"grub.cfg", b"grub\nodd.cfg"),
        BOOT.replace(b"total 20\n", b""),
        BOOT.replace(b"/boot:", b"/etc/libvirt/nwfilter:"),
        b"ls: cannot open directory '/boot': Permission denied\n",
        b"x\n\n/etc/libvirt/nwfilter:\ntotal 0\n",
    ],
)
def test_a_listing_that_is_not_understood_or_was_not_asked_for_shows_nothing(tmp_path: Path, text: bytes) -> None:
    source = SosReport(Archive({**WEB, "sos_commands/boot/ls_-lanR_.boot": text}).write(tmp_path / "a"))
    for path in ("/boot/menu.lst", "/etc/libvirt/nwfilter/x.xml"):
        with pytest.raises(Unknown):
            source.stat(path)


def test_listings_are_those_of_the_directories_asked_about() -> None:
    text = "/etc/libvirt/nwfilter:\ntotal 0\n\n/var/lib/libvirt:\ntotal 0\n"
    assert set(listings("ls_-lR_.etc.libvirt_.var.lib", text)) == {"/etc/libvirt/nwfilter", "/var/lib/libvirt"}
    assert set(listings("ls_-lR_.var.lib.libvirt", text)) == {"/var/lib/libvirt"}


def test_a_directory_copied_whole_shows_what_is_absent_but_for_its_sockets(tmp_path: Path) -> None:
    files = {**WEB, "run/libvirt/qemu/web.xml": b"<domstatus/>"}
    source = SosReport(Archive(files, manifest=ran("libvirt", copied=["run/libvirt/"])).write(tmp_path / "a"))
    for place in ("/run", "/var/run"):
        assert source.glob(f"{place}/libvirt/qemu/*.xml") == [f"{place}/libvirt/qemu/web.xml"]
        assert source.glob(f"{place}/libvirt/qemu/*.pid") == []
        with pytest.raises(Absent):
            source.stat(f"{place}/libvirt/libvirtd.pid")
        with pytest.raises(Unknown, match="was not collected"):
            source.stat(f"{place}/libvirt/libvirt-sock")


def test_a_file_of_which_only_the_end_was_kept_is_unknown(tmp_path: Path) -> None:
    archive = Archive(
        {**WEB, "sos_strings/libvirt/var.log.x.tailed": b"the end"},
        {"var/log/x": "../../sos_strings/libvirt/var.log.x.tailed"},
    )
    with pytest.raises(Unknown, match="only its end was collected"):
        SosReport(archive.write(tmp_path / "a")).read("/var/log/x")


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("auditctl", "-l"), "auditctl_-l"),
        (("/usr/sbin/auditctl", "-l"), "auditctl_-l"),
        (("ls", "-lanR", "/boot"), "ls_-lanR_.boot"),
        (("sysctl", "-a"), "sysctl_-a"),
        (("virsh", "-r", "dumpxml", "web server"), "virsh_-r_dumpxml_web_server"),
        (("sh", "-c", "a | b > /c"), "sh_-c_a_b_.c"),
        (("x", "-"), "x"),
    ],
)
def test_commands_are_found_by_the_names_that_sos_gives_them(argv: tuple[str, ...], name: str) -> None:
    assert mangled(argv) == name


def test_outputs_are_those_that_sos_collected(tmp_path: Path) -> None:
    files = {
        **WEB,
        "sos_commands/kernel/uname_-a": b"Linux kvm7\n",
        "sos_commands/auditd/auditctl_-l": b"No rules\n",
        "sos_commands/selinux/sestatus": b"sestatus: it is odd\n",
        "sos_commands/x/gone": b"timeout: failed to run command 'gone': No such file or directory\n",
        "sos_commands/x/odd_name": b"found by the manifest\n",
    }
    manifest = ran(
        "auditd",
        commands=[
            ("/sbin/auditctl -l", "sos_commands/auditd/auditctl_-l", 3),
            ("getenforce", None, 127),
            ("slow thing", "sos_commands/x/slow", 124),
            ("named differently", "sos_commands/x/odd_name", 0),
        ],
    )
    source = SosReport(Archive(files, manifest=manifest).write(tmp_path / "a"))
    assert (source.run("uname", "-a").stdout, source.run("uname", "-a").code) == ("Linux kvm7\n", 0)
    assert source.run("auditctl", "-l").code == 3
    assert source.run("sestatus").code == 1
    assert source.run("named", "differently").stdout == "found by the manifest\n"
    with pytest.raises(Absent, match="getenforce is not installed"):
        source.run("getenforce")
    with pytest.raises(Absent, match="gone is not installed"):
        source.run("gone")
    with pytest.raises(Unknown, match="slow thing: did not end in time"):
        source.run("slow", "thing")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"junk", b"[]", b'{"components": 3}', b'{"components": {"report": {"plugins": [1]}}}', b"[" * 10**6],
)
def test_a_manifest_that_cannot_be_read_tells_nothing(tmp_path: Path, manifest: bytes) -> None:
    files = {**WEB, "sos_reports/manifest.json": manifest, "sos_commands/kernel/uname_-a": b"Linux\n"}
    assert SosReport(Archive(files).write(tmp_path / "a")).run("uname", "-a").stdout == "Linux\n"


@pytest.mark.parametrize(
    ("said", "taken_at"),
    [
        (b"Tue Nov 24 01:02:03 UTC 2026\n", datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)),
        (b"Tue Nov 24 01:02:03 CET 2026\n", datetime.fromtimestamp(MADE, UTC)),
        (b"Tue Nov 94 01:02:03 UTC 2026\n", None),
        (b"", datetime.fromtimestamp(MADE, UTC)),
    ],
)
def test_the_time_is_that_of_sos_itself(tmp_path: Path, said: bytes, taken_at: datetime | None) -> None:
    path = Archive({**WEB, "sos_commands/date/date": said}).write(tmp_path / "a")
    if taken_at is None:
        with pytest.raises(SourceError, match="when it was made cannot be told"):
            SosReport(path)
    else:
        assert SosReport(path).taken_at == taken_at


def test_without_the_date_the_newest_output_tells_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as tar:
        add(tar, f"{TOP}/sos_commands/kernel/uname_-a")
    assert SosReport(str(tmp_path / "a")).taken_at == datetime.fromtimestamp(MADE, UTC)


@pytest.mark.parametrize("name", ["../evil", f"{TOP}/../../evil", "/etc/passwd", f"{TOP}/etc/..", "x" * 5000])
def test_names_that_lead_out_make_an_archive_unusable(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "a", "w") as tar:
        add(tar, f"{TOP}/sos_commands/x/y")
        add(tar, name, b"evil")
    with pytest.raises(SourceError, match="is damaged, or no archive"):
        SosReport(str(tmp_path / "a"))


def test_hard_links_and_odd_members_do_no_harm(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as tar:
        add(tar, f"{TOP}/sos_commands/x/y")
        add(tar, f"{TOP}/etc/out", kind=tarfile.LNKTYPE, link="/etc/passwd")
        add(tar, f"{TOP}/etc/self", kind=tarfile.LNKTYPE, link=f"{TOP}/etc/self")
        add(tar, f"{TOP}/etc/pipe", kind=tarfile.FIFOTYPE)
        add(tar, f"{TOP}/etc/strange", kind=b"Z")
        add(tar, f"{TOP}/etc/sparse", b"x" * 512, kind=tarfile.GNUTYPE_SPARSE)
        add(tar, f"{TOP}/etc/after", b"fine")
    source = SosReport(str(tmp_path / "a"))
    for name in ("out", "self", "pipe", "strange", "sparse"):
        with pytest.raises(Unknown):
            source.read(f"/etc/{name}")
    assert source.read("/etc/after").text == "fine"


def test_long_names_of_every_dialect_are_read(tmp_path: Path) -> None:
    long = "etc/" + "d" * 90 + "/" + "e" * 90 + "/" + "ü" * 60
    for number, dialect in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        with tarfile.open(tmp_path / str(number), "w", format=dialect) as tar:
            add(tar, f"{TOP}/sos_commands/x/y")
            add(tar, f"{TOP}/{long}", b"found")
            add(tar, f"{TOP}/etc/link", kind=tarfile.SYMTYPE, link="/" + long)
        assert SosReport(str(tmp_path / str(number))).read("/etc/link").text == "found"


def test_bombs_are_refused_before_they_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivetree, "SIZE_LIMIT", 2**21)
    Archive({**WEB, "etc/bomb": bytes(2**22)}).write(tmp_path / "a")
    with pytest.raises(SourceError, match="unpacks to more than 2097152 bytes"):
        SosReport(str(tmp_path / "a"))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtwarden.sources.tarstream.MEMBER_LIMIT", 3)
    monkeypatch.setattr(archivetree, "MEMBER_LIMIT", 3)
    with pytest.raises(SourceError, match="more than 3 members"):
        SosReport(Archive({**WEB, "a": b"", "b": b""}).write(tmp_path / "a"))
    (tmp_path / "dir").mkdir()
    with pytest.raises(SourceError, match="holds more than 3 files"):
        SosReport(Archive({**WEB, "a": b"", "b": b""}).unpack(tmp_path / "dir"))


def test_a_header_that_claims_to_be_huge_is_not_believed(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = tarfile.XHDTYPE, 2**33
    (tmp_path / "a").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(SourceError, match="a header of 8589934592 bytes"):
        SosReport(str(tmp_path / "a"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_a_truncated_archive_is_refused_wherever_it_ends(tmp_path: Path, mode: str) -> None:
    whole = Path(
        Archive({**WEB, "etc/x": random.Random(2).randbytes(3000)}).write(tmp_path / "a", mode)
    ).read_bytes()
    end = whole.rstrip(b"\0")
    for cut in range(1, len(end), max(len(end) // 40, 1)):
        (tmp_path / "a").write_bytes(whole[:cut])
        with pytest.raises(SourceError):
            SosReport(str(tmp_path / "a"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk",
        b"\0" * 1024,
        gzip.compress(b"junk", mtime=0),
        lzma.compress(b"junk"),
        b"BZhjunk",
        b"\x1f\x8bjunk",
        b"PK\3\4",
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(SourceError):
        SosReport(str(tmp_path / "a"))


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a", "w") as tar:
        add(tar, "project/README", b"x")
    with pytest.raises(SourceError, match="is no archive of the sos tool"):
        SosReport(str(tmp_path / "a"))
    with pytest.raises(SourceError, match="no such file"):
        SosReport(str(tmp_path / "none"))
    (tmp_path / "dir").mkdir()
    with pytest.raises(SourceError, match="is no archive of the sos tool"):
        SosReport(str(tmp_path / "dir"))


@pytest.mark.parametrize("field", [(100, 8), (124, 12), (136, 12), (148, 8)])
def test_numbers_that_are_none_are_refused(tmp_path: Path, field: tuple[int, int]) -> None:
    member = tarfile.TarInfo(f"{TOP}/sos_commands/x")
    for value in (b"9" * 7, b"\xff" * 8, b"\x80" + b"\xff" * 11 if field[1] == 12 else b"7x", b"-1"):
        block = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
        start, length = field
        block[start : start + length] = value[:length].ljust(length, b"\0")
        if start != 148:
            total = sum(block) - sum(block[148:156]) + 8 * 32
            block[148:156] = f"{total:06o}".encode() + b"\0 "
        (tmp_path / "a").write_bytes(bytes(block) + bytes(1024))
        with pytest.raises(SourceError):
            SosReport(str(tmp_path / "a"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(st.data())
def test_no_spoilt_archive_ends_in_anything_but_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in {**SIGN, **WEB, "etc/ü" + "x" * 120: b"y" * 600}.items():
            add(tar, f"{TOP}/{name}", content, label="a:b:c")
    spoilt = bytearray(buffer.getvalue())
    headers = [at for at in range(0, len(spoilt), 512) if spoilt[at : at + 512].strip(b"\0")]
    for _ in range(data.draw(st.integers(1, 5))):
        block = data.draw(st.sampled_from(headers))
        at = block + data.draw(st.integers(0, 511))
        spoilt[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
        header = spoilt[block : block + 512]
        total = sum(header) - sum(header[148:156]) + 8 * 32
        if data.draw(st.booleans()):
            spoilt[block + 148 : block + 156] = struct.pack("8s", f"{total:06o}\0 ".encode())
    (tmp_path / "a").write_bytes(spoilt)
    try:
        source = SosReport(str(tmp_path / "a"))
    except SourceError:
        return
    for ask in (source.read, source.stat, source.glob):
        for path in ("/etc/hostname", "/etc/*", "/etc/libvirt/qemu/*.xml"):
            try:
                ask(path)
            except (Absent, Unknown):
                continue

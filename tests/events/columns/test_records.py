"""What is read of records into columns, beside a reader that takes one record at a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events.columns.kit import RECORDED, imported
from virtwarden.events.columns.records import BULK, RECORDS, lines_of, records_of
from virtwarden.events.columns.sql import asking_folder
from virtwarden.events.model import Skipped

_HEAD = re.compile(rb"(?:node=(\S+) )?type=(\S+) msg=audit\((\d+)\.(\d+):(\d+)\): ?(.*)", re.DOTALL)
_FIELD = re.compile(r"""(?:^|[ '])([\w-]+)=("[^"]*"|[^ '"\x1d]+)""")


def _by_hand(line: bytes) -> dict[str, object]:
    found = _HEAD.fullmatch(line)
    assert found is not None
    text = found[6].decode()
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text.partition("\x1d")[0]):
        fields.setdefault(name, value)
    told: dict[str, object] = {
        "host": found[1].decode() if found[1] else None,
        "type": found[2].decode(),
        "time": datetime.fromtimestamp(int(found[3]), UTC).replace(microsecond=int(found[4]) * 1000),
        "serial": int(found[5]),
        "text": text,
    }
    for name in ("pid", "ppid", "auid", "uid", "ses", "syscall", "exit"):
        told[name] = int(fields[name]) if name in fields else None
    for name, other in (("comm", "comm"), ("exe", "exe"), ("key", "key"), ("guest", "vm"), ("uuid", "uuid")):
        told[name] = _meant(fields.get(other))
    return told


def _meant(value: str | None) -> str | None:
    if value is None or value in ("(null)", "?"):
        return None
    if value.startswith('"'):
        return value[1:-1]
    if re.fullmatch(r"(?:[0-9A-F]{2})+", value):
        return bytes.fromhex(value).decode().replace("\0", " ").replace("\x01", ",")
    return value


def _asked(tmp_path: Path, text: bytes, host: str | None = None) -> list[dict[str, object]]:
    log, folder = tmp_path / "audit.log", tmp_path / "in"
    log.write_bytes(text)
    imported(folder, log, host=host)
    question = "select * from records order by line"
    with asking_folder(folder, question, Skipped()) as asked:
        answer = asked.answer(question)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows()]


@pytest.mark.parametrize("name", RECORDED)
def test_columns_of_recorded_logs_are_what_a_reader_of_single_records_finds(name: str, tmp_path: Path) -> None:
    lines = [line for line in RECORDED[name].split(b"\n") if line]
    told = _asked(tmp_path, RECORDED[name])
    assert [row["line"] for row in told] == list(range(1, len(lines) + 1))
    for line, row in zip(lines, told, strict=True):
        for column, value in _by_hand(line).items():
            if row["type"] in BULK and column in ("pid", "ppid", "uid", "auid", "ses", "comm", "exe", "key"):
                assert row[column] is None
            else:
                assert row[column] == value, (column, line)
        assert row["day"] == row["time"].date()  # type: ignore[attr-defined]


def _one(tmp_path: Path, text: bytes) -> dict[str, object]:
    (row,) = _asked(tmp_path, text if text.endswith(b"\n") else text + b"\n", "h")
    return row


HEAD = b"type=%s msg=audit(1795464784.007:12): "


@pytest.mark.parametrize(
    ("kind", "text", "column", "value"),
    [
        (b"SYSCALL", b"arch=c000003e syscall=59 success=no exit=-13 a0=1 a1=2 a2=3 a3=4 items=2 ppid=1 pid=2 auid=1000"
         b" uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=3 comm=6120622E7368 exe=\"/bin/sh\""
         b" key=61016262", "comm", "a b.sh"),
        (b"SYSCALL", b"arch=40000003 syscall=5 per=400000 a0=1 items=0 ppid=7 pid=8 auid=1 uid=2 comm=\"c\" exe=\"/e\""
         b" key=(null)", "syscall", 5),
        (b"PATH", b"item=0 name=2F746D702F6120C3A9 inode=1", "path", "/tmp/a é"),
        (b"PATH", b"item=0 name=(null) inode=1", "path", None),
        (b"CWD", b"cwd=\"/root\"", "path", "/root"),
        (b"USER_CMD", b"user pid=5 uid=500 auid=500 ses=1 msg='cwd=\"/\" cmd=\"ls\" terminal=pts/0 res=failed'",
         "success", False),
        (b"VIRT_RESOURCE", b"pid=1 uid=0 auid=4294967295 ses=4294967295 msg='virt=kvm resrc=shmem reason=start vm=\"g\""
         b" uuid=aa-bb size=1 path=/x res=failed exe=\"/usr/sbin/libvirtd\" hostname=? addr=? terminal=? res=success'",
         "success", True),
        (b"AVC", b"avc:  denied  { read } for  pid=4 comm=\"x\" path=\"/a b\" scontext=u:r:t:s0 tclass=file",
         "path", "/a b"),
        (b"AVC", b"apparmor=\"DENIED\" operation=\"open\" profile=\"libvirt-1\" name=\"/etc/shadow\" pid=9 comm=\"q\"",
         "subj", "libvirt-1"),
        (b"CONFIG_CHANGE", b"auid=1 ses=2 op=add_rule key=\"virt_tls\" list=4 res=1", "key", "virt_tls"),
        (b"LOGIN", b"pid=1 uid=0 old-auid=4294967295 auid=7 tty=(none) old-ses=4294967295 ses=1 res=1", "auid", 7),
    ],
)  # fmt: skip
def test_a_field_is_found_and_read(tmp_path: Path, kind: bytes, text: bytes, column: str, value: object) -> None:
    assert _one(tmp_path, HEAD % kind + text + b"\n")[column] == value


def test_keys_of_several_rules_are_parted_by_commas(tmp_path: Path) -> None:
    assert _one(tmp_path, HEAD % b"CONFIG_CHANGE" + b"key=6101626262 res=1")["key"] == "a,bbb"


def test_the_node_names_the_host_and_else_what_was_said_does(tmp_path: Path) -> None:
    told = _asked(tmp_path, b"node=n.example " + HEAD % b"EOE" + b"\n" + HEAD % b"EOE" + b"\n", "h")
    assert [row["host"] for row in told] == ["n.example", "h"]


@pytest.mark.parametrize(
    "line",
    [b"rubbish", b"type=X msg=audit(1.2:3): x", b"type=SYSCALL msg=audit(1795464784.007:12)", b" type=X", b"\0"],
)
def test_what_is_no_record_is_kept_as_text_with_no_type(tmp_path: Path, line: bytes) -> None:
    row = _one(tmp_path, line + b"\n")
    assert (row["type"], row["time"], row["text"]) == (None, None, line.decode())


def test_bytes_that_are_no_text_are_spelled_and_nuls_stay(tmp_path: Path) -> None:
    row = _one(tmp_path, HEAD % b"USER_CMD" + b"a=\xff\xfe b=\0 c=\xc3\xa9\n")
    assert row["text"] == "a=\\xff\\xfe b=\0 c=é"


def test_empty_lines_are_counted_but_no_records() -> None:
    frame = records_of(lines_of(b"\n\n" + HEAD % b"EOE" + b"\n", 5), None)
    assert frame["line"].to_list() == [7]


@given(st.lists(st.one_of(
    st.binary(max_size=40),
    st.builds(lambda kind, text: HEAD % kind + text,
              st.sampled_from([b"SYSCALL", b"PATH", b"AVC", b"USER_CMD", b"VIRT_CONTROL", b"X", b"LOGIN", b"CWD"]),
              st.one_of(st.binary(max_size=60), st.sampled_from([
                  b" a0= ppid= auid= tty= comm=", b" comm= tty= auid= ppid= a0=", b" uid= msg='", b" msg=' uid=",
                  b'name=" comm="', b"pid=99999999999999999999", b"comm=FFFF key=C3", b"\x1d\x1d",
              ]))),
)))  # fmt: skip
def test_no_line_is_lost_whatever_it_holds(lines: list[bytes]) -> None:
    text = b"".join(line.replace(b"\n", b"").rstrip(b"\r") + b"\n" for line in lines)
    frame = records_of(lines_of(text, 1), None)
    assert frame.schema == RECORDS
    wanted = [number for number, line in enumerate(text.split(b"\n")[:-1], 1) if line]
    assert frame["line"].sort().to_list() == wanted
    assert all(row["bulk"] is not None or row["rest"] is not None for row in frame.iter_rows(named=True))

"""Bundles of evidence: what is in them follows from the logs, and whatever is changed in them is found."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.made import Guest, Made
from virtwarden.events.evidence import Criteria, Held, Manifest, NoEvidence, Occasion, Verdict, make, verify
from virtwarden.events.evidence import container as tar
from virtwarden.events.evidence.signing import Checker
from virtwarden.events.logs import find
from virtwarden.events.model import Skipped

WEB, DB = Guest("web"), Guest("db")
KEY = Ed25519PrivateKey.generate()
MADE = 1_795_500_000_000


def _day(host: str | None = None) -> Made:
    """A host on which a good deal happens to two guests, the second of which is none of our business."""
    log = Made(host, enriched=True)
    log.boot()
    log.wait(5)
    log.ran("virsh", "start", "web")
    log.start(WEB)
    log.start(DB)
    log.wait(60)
    log.denied(WEB, "/etc/shadow")
    log.touched(WEB)
    log.denied(DB, "/etc/shadow")
    log.attach(WEB, "disk", "/srv/more.img")
    log.wait(100)
    log.abended(WEB)
    log.stop(WEB, "crashed")
    log.wait(10)
    log.start(WEB)
    log.wait(5)
    log.shut_down()
    log.wait(30)
    log.boot()
    log.wait(3)
    log.sudo("virsh start web")
    log.start(WEB)
    log.fail_to_start(DB)
    return log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return _day().write(tmp_path / "audit.log")


def _made(path: Path, log: Path, key: Ed25519PrivateKey | None = None, **asked: object) -> Manifest:
    criteria = Criteria(**{"vm": "web", **asked})  # type: ignore[arg-type]
    return make(str(path), find([str(log)]), criteria, Occasion(MADE, "kvm7", key), Skipped())


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {each.name: _extracted(archive, each) for each in archive}


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def _packed(path: Path, members: dict[str, bytes]) -> Path:
    out = io.BytesIO()
    for name, data in members.items():
        tar.write_member(out, name, len(data), iter((data,)), MADE // 1000)
    tar.write_end(out)
    path.write_bytes(out.getvalue())
    return path


def _rehashed(path: Path, members: dict[str, bytes]) -> Path:
    """A bundle as a forger makes it, who mends every digest."""
    manifest = json.loads(members[tar.MANIFEST])
    for name in manifest["members"]:
        manifest["members"][name] = {
            "bytes": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest(),
        }  # fmt: skip
    members[tar.MANIFEST] = (json.dumps(manifest, indent=2) + "\n").encode()
    names = sorted(name for name in members if name != tar.SUMS)
    sums = "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in names)
    return _packed(path, {**members, tar.SUMS: sums.encode()})


def _wrong(verdict: Verdict) -> str:
    assert verdict.held is Held.FALSE
    return next(said for held, said in verdict.said if held is Held.FALSE)


def test_a_bundle_is_sound_and_its_records_stand_in_the_log(tmp_path: Path, log: Path) -> None:
    manifest = _made(tmp_path / "b.tar", log)
    assert (manifest.sessions, manifest.host, manifest.made) == (3, "kvm7", MADE)
    verdict = verify(str(tmp_path / "b.tar"), None, find([str(log)]))
    assert verdict.held is Held.TRUE
    assert "each of its records stands in the given logs, byte for byte" in [said for _, said in verdict.said]


def test_it_holds_the_records_with_their_companions_byte_for_byte_in_the_order_of_the_log(
    tmp_path: Path, log: Path
) -> None:
    _made(tmp_path / "b.tar", log)
    members, text = _members(tmp_path / "b.tar"), log.read_bytes()
    at = 0
    for source, offset, size, lines in json.loads(members[tar.ORIGINS]):
        run = members[tar.RECORDS][at : at + size]
        assert source == 0
        assert text[offset : offset + size] == run
        assert run.count(b"\n") == lines
        at += size
    assert at == len(members[tar.RECORDS])
    for kind in (
        b"VIRT_CONTROL",
        b"AVC",
        b"SYSCALL",
        b"PATH",
        b"PROCTITLE",
        b"EXECVE",
        b"SYSTEM_BOOT",
        b"USER_CMD",
    ):
        assert b"type=" + kind in members[tar.RECORDS]


def test_it_holds_nothing_of_other_guests(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    assert all(DB.uuid.encode() not in data for data in _members(tmp_path / "b.tar").values())


def test_the_manifest_names_the_log_as_sha256sum_does(tmp_path: Path, log: Path) -> None:
    (source,) = _made(tmp_path / "b.tar", log).sources
    said = subprocess.run(["sha256sum", log], capture_output=True, text=True, check=True).stdout
    found = log.stat()
    assert (source.sha256, source.bytes, source.inode) == (said.split()[0], found.st_size, found.st_ino)
    assert (source.path, source.mtime) == (str(log), found.st_mtime_ns)


def test_tar_and_sha256sum_check_it_without_us(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log, KEY)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xf", tmp_path / "b.tar"], cwd=tmp_path / "out", check=True)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "out", capture_output=True, check=True
    )
    assert done.stdout.count(b": OK") == len(tar.ORDER) - 1


def test_the_same_logs_give_the_same_bundle(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "one.tar", log, KEY)
    _made(tmp_path / "other.tar", log, KEY)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_nobody_else_can_read_it_and_nothing_is_left_beside_it(tmp_path: Path, log: Path) -> None:
    before = os.umask(0)
    try:
        _made(tmp_path / "b.tar", log)
    finally:
        os.umask(before)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.log", "b.tar"]


def test_it_replaces_nothing(tmp_path: Path, log: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"older evidence")
    with pytest.raises(NoEvidence, match="evidence replaces nothing"):
        _made(tmp_path / "b.tar", log)
    assert (tmp_path / "b.tar").read_bytes() == b"older evidence"


def test_where_nothing_is_as_asked_there_is_no_bundle(tmp_path: Path, log: Path) -> None:
    with pytest.raises(NoEvidence, match="nothing in these logs"):
        _made(tmp_path / "b.tar", log, vm="nobody")
    assert not (tmp_path / "b.tar").exists()


def test_it_can_be_narrowed_to_a_session_and_to_an_event(tmp_path: Path, log: Path) -> None:
    whole = _made(tmp_path / "whole.tar", log)
    sessions = json.loads(_members(tmp_path / "whole.tar")[tar.SESSIONS])
    events = json.loads(_members(tmp_path / "whole.tar")[tar.EVENTS])
    one = _made(tmp_path / "one.tar", log, vm=None, sessions=(sessions[0]["id"],))
    assert (one.sessions, one.records < whole.records) == (1, True)
    denial = next(event["id"] for event in events if event["kind"] == "denial")
    id_ = f"{denial['millis'] // 1000}.{denial['millis'] % 1000:03}:{denial['serial']}"
    of_event = _made(tmp_path / "event.tar", log, vm=None, ids=(id_,))
    assert of_event.sessions == 1
    between = _made(tmp_path / "late.tar", log, start=sessions[-1]["started"])
    assert between.sessions == 1
    for name in ("one.tar", "event.tar", "late.tar"):
        assert verify(str(tmp_path / name), None, None).held is Held.TRUE


@pytest.mark.parametrize(
    "squeeze",
    [gzip.compress, lambda data: subprocess.run(["xz", "-c"], input=data, capture_output=True, check=True).stdout],
)
def test_compressed_rotations_are_sources_too(tmp_path: Path, squeeze: Callable[[bytes], bytes]) -> None:
    lines = _day().data.splitlines(keepends=True)
    folder = tmp_path / "logs"
    folder.mkdir()
    old, new = b"".join(lines[:80]), b"".join(lines[80:])
    (folder / "audit.log.1").write_bytes(squeeze(old))
    (folder / "audit.log").write_bytes(new)
    manifest = _made(tmp_path / "b.tar", folder)
    digests = [hashlib.sha256(squeezed).hexdigest() for squeezed in ((folder / "audit.log.1").read_bytes(), new)]
    assert [source.sha256 for source in manifest.sources] == digests
    assert verify(str(tmp_path / "b.tar"), None, find([str(folder)])).held is Held.TRUE


def test_several_hosts_stay_apart(tmp_path: Path) -> None:
    for name in ("kvm1", "kvm2"):
        (tmp_path / name).mkdir()
        _day().write(tmp_path / name / "audit.log")
    make(
        str(tmp_path / "b.tar"), find([str(tmp_path / "kvm1"), str(tmp_path / "kvm2")]),
        Criteria(vm="web", host="kvm2"), Occasion(MADE, "desk"), Skipped(),
    )  # fmt: skip
    sessions = json.loads(_members(tmp_path / "b.tar")[tar.SESSIONS])
    assert {session["host"] for session in sessions} == {"kvm2"}
    assert verify(str(tmp_path / "b.tar"), None, None).held is Held.TRUE


def test_names_that_are_no_utf8_are_spelled_out(tmp_path: Path) -> None:
    log = Made()
    log.start(Guest("od\udcffd\n\x1b[31m"))
    path = log.write(tmp_path / "audit.log")
    _made(tmp_path / "b.tar", path, vm="od\udcffd\n\x1b[31m")
    assert json.loads(_members(tmp_path / "b.tar")[tar.SESSIONS])[0]["guest"] == "od\\xffd\n\x1b[31m"
    assert verify(str(tmp_path / "b.tar"), None, find([str(path)])).held is Held.TRUE


# What is changed is found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A signed bundle of one short session."""
    folder = tmp_path_factory.mktemp("small")
    log = Made(rhel6=True)
    log.control(WEB, "start", "booted")
    log.control(WEB, "stop", "destroyed")
    _made(folder / "b.tar", log.write(folder / "audit.log"), KEY)
    return (folder / "b.tar").read_bytes()


def test_every_flipped_byte_is_found(tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "b.tar"
    path.write_bytes(small)
    assert verify(str(path), Checker(KEY.public_key()), None).held is Held.TRUE
    with path.open("r+b") as file:
        for place in range(len(small)):
            file.seek(place)
            file.write(bytes([small[place] ^ 0x20]))
            file.flush()
            assert verify(str(path), None, None).held is Held.FALSE, place
            file.seek(place)
            file.write(small[place : place + 1])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_changed_is_found(
    tmp_path_factory: pytest.TempPathFactory, small: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(small)))
    stop = data.draw(st.integers(start, min(len(small), start + 600)))
    changed = small[:start] + data.draw(st.binary(max_size=600)) + small[stop:]
    if changed == small:
        return
    path = tmp_path_factory.mktemp("changed") / "b.tar"
    path.write_bytes(changed)
    assert verify(str(path), None, None).held is Held.FALSE


@pytest.mark.parametrize("name", tar.ORDER)
def test_every_removed_member_is_found(tmp_path: Path, small: bytes, name: str) -> None:
    (tmp_path / "b.tar").write_bytes(small)
    members = {each: data for each, data in _members(tmp_path / "b.tar").items() if each != name}
    assert "is missing" in _wrong(verify(str(_packed(tmp_path / "c.tar", members)), None, None))


def test_a_signature_that_was_added_is_found(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    members = _members(tmp_path / "b.tar")
    packed = {name: members.get(name, b"signed") for name in tar.ORDER}
    assert "manifest.sig was added" in _wrong(verify(str(_packed(tmp_path / "c.tar", packed)), None, None))


def test_a_signed_bundle_without_a_key_cannot_be_told(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log, KEY)
    assert verify(str(tmp_path / "b.tar"), None, None).held is Held.UNTOLD


def test_another_key_and_no_signature_are_found(tmp_path: Path, log: Path) -> None:
    other = Checker(Ed25519PrivateKey.generate().public_key())
    _made(tmp_path / "signed.tar", log, KEY)
    assert "another key" in _wrong(verify(str(tmp_path / "signed.tar"), other, None))
    _made(tmp_path / "unsigned.tar", log)
    assert "not signed" in _wrong(verify(str(tmp_path / "unsigned.tar"), other, None))


def test_a_forger_who_mends_the_digests_is_caught_by_the_signature(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log, KEY)
    members = _members(tmp_path / "b.tar")
    members[tar.MANIFEST] = members[tar.MANIFEST].replace(b'"host": "kvm7"', b'"host": "kvm8"', 1)
    path = str(_rehashed(tmp_path / "c.tar", members))
    assert "the signature is not of this manifest" in _wrong(verify(path, Checker(KEY.public_key()), None))


@pytest.mark.parametrize(
    ("member", "old", "new"),
    [
        (tar.SESSIONS, b'"ending": "crashed"', b'"ending": "shutdown"'),
        (tar.EVENTS, b'"denied": true', b'"denied": false'),
        (tar.RECORDS, b"reason=crashed", b"reason=shutdow"),
    ],
)
def test_an_answer_that_does_not_follow_is_found_though_all_digests_are_right(
    tmp_path: Path, log: Path, member: str, old: bytes, new: bytes
) -> None:
    _made(tmp_path / "b.tar", log)
    members = _members(tmp_path / "b.tar")
    assert old in members[member]
    members[member] = members[member].replace(old, new, 1)
    assert "does not follow from records.log" in _wrong(
        verify(str(_rehashed(tmp_path / "c.tar", members)), None, None)
    )


def test_records_that_were_left_out_are_found_though_all_digests_are_right(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    members = _members(tmp_path / "b.tar")
    members[tar.RECORDS] = members[tar.RECORDS].split(b"\n", 1)[1]
    assert "do not belong together" in _wrong(verify(str(_rehashed(tmp_path / "c.tar", members)), None, None))


def test_records_that_stand_in_no_log_are_found(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    changed = log.read_bytes().replace(b"reason=crashed", b"reason=shutdown")
    log.write_bytes(changed)
    verdict = verify(str(tmp_path / "b.tar"), None, find([str(log)]))
    assert _wrong(verdict) == "1 record stands in none of the given logs"


def test_records_are_found_again_after_rotation_and_compression(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    (tmp_path / "audit.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    assert verify(str(tmp_path / "b.tar"), None, find([str(tmp_path / "audit.log.1.gz")])).held is Held.TRUE


def test_records_that_tell_far_more_than_the_answer_are_not_gone_through_to_the_end(
    tmp_path: Path, log: Path
) -> None:
    _made(tmp_path / "b.tar", log)
    members = _members(tmp_path / "b.tar")
    boot = next(line for line in members[tar.RECORDS].splitlines(keepends=True) if b"type=SYSTEM_BOOT" in line)
    rest = boot.partition(b")")[2]
    flood = b"".join(
        b"type=SYSTEM_BOOT msg=audit(%d.000:3)%s" % (1_795_465_000 + 9 * n, rest) for n in range(4000)
    )
    members[tar.RECORDS] += flood
    runs = json.loads(members[tar.ORIGINS])
    members[tar.ORIGINS] = json.dumps([*runs, [0, 10_000_000, len(flood), 4000]]).encode()
    path = str(_rehashed(tmp_path / "c.tar", members))
    assert "more follows from records.log than" in _wrong(verify(path, None, None))


def test_a_manifest_of_a_later_format_is_named_as_such(tmp_path: Path, log: Path) -> None:
    _made(tmp_path / "b.tar", log)
    members = _members(tmp_path / "b.tar")
    members[tar.MANIFEST] = members[tar.MANIFEST].replace(b'"format": 1', b'"format": 2')
    assert "is of format 2" in _wrong(verify(str(_packed(tmp_path / "c.tar", members)), None, None))


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@settings(deadline=None)
def test_manifests_that_are_none_are_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("bad")
    members = dict.fromkeys(tar.ORDER, b"x")
    path = _packed(folder / "c.tar", {**members, tar.MANIFEST: data})
    assert tar.MANIFEST in _wrong(verify(str(path), None, None))


def test_deeply_nested_manifests_are_refused(tmp_path: Path) -> None:
    members = {**dict.fromkeys(tar.ORDER, b"x"), tar.MANIFEST: b"[" * 500_000}
    assert tar.MANIFEST in _wrong(verify(str(_packed(tmp_path / "c.tar", members)), None, None))

"""No disk uses the encryption that came with the first qcow2 images."""

import pytest

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, REFUSED, WEB, disk, store
from virtwarden.controls.encryption.legacy_encryption_absent import CONTROL
from virtwarden.model import State

PLAIN = {WEB: headers.qcow2(backing=b"")}


@pytest.mark.parametrize("kind", ["qcow", "default"])
def test_the_old_kind_in_the_xml_fails_in_each_state(kind: str) -> None:
    host = store(guest(disk(more=f"<encryption format='{kind}'/>"), running=True), files=PLAIN)
    found = judge(CONTROL, host)
    assert [(f.result.value, f.state) for f in found] == [("fail", State.ON_DISK), ("fail", State.IN_FORCE)]
    assert found[0].message == f"its encryption is {kind}: AES-CBC without key derivation"


def test_the_old_kind_in_a_header_fails_at_any_level() -> None:
    aes = headers.qcow2(backing=b"", method=1)
    assert results(CONTROL, store(guest(disk()), files={WEB: aes})) == ["fail"]
    below = {WEB: headers.qcow2(backing=b"base.qcow2"), f"{IMAGES}/base.qcow2": aes}
    (finding,) = judge(CONTROL, store(guest(disk()), files=below))
    assert finding.message == f"{IMAGES}/base.qcow2 is encrypted with AES-CBC without key derivation"
    first = disk(f"{IMAGES}/old.qcow", format="qcow")
    assert results(CONTROL, store(guest(first), files={f"{IMAGES}/old.qcow": headers.qcow1()})) == ["fail"]


def test_other_kinds_and_none_pass() -> None:
    luks = disk(inside="<encryption format='luks'/>")
    assert results(CONTROL, store(guest(luks), files=PLAIN)) == ["pass"]
    network = "<disk type='network' device='disk'><source protocol='rbd' name='p/x'/><target dev='vda'/></disk>"
    raw = disk("/dev/vg/x", format="raw", target="vdb")
    assert results(CONTROL, store(guest(disk() + raw + network), files=PLAIN)) == ["pass", "pass", "pass"]


def test_what_cannot_be_read_is_unknown_and_no_disks_are_not_judged() -> None:
    assert results(CONTROL, store(guest(disk()), files={WEB: REFUSED})) == ["unknown"]
    assert results(CONTROL, store(guest())) == ["notapplicable"]

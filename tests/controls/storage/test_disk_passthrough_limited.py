"""No guest sends raw SCSI commands to a device of the host."""

import pytest

from tests.kit import guest, judge, results
from tests.storagehost import disk, store
from virtwarden.controls.storage.disk_passthrough_limited import CONTROL
from virtwarden.edits import Do, SetAttribute

HOSTDEV = "<hostdev mode='subsystem' type='scsi' {0}><source><adapter name='scsi_host0'/></source></hostdev>"


def test_plain_disks_pass_in_each_state() -> None:
    host = store(guest(disk(attributes="sgio='filtered'") + HOSTDEV.format(""), running=True))
    assert results(CONTROL, host) == ["pass", "pass"]


@pytest.mark.parametrize(
    ("inside", "says", "edits"),
    [
        (
            disk("/dev/sdb", device="lun", attributes="rawio='yes' sgio='unfiltered'"),
            "disk vda has device='lun' and rawio='yes' and sgio='unfiltered'",
            [
                SetAttribute("devices/disk[1]", "rawio", "no"),
                SetAttribute("devices/disk[1]", "sgio", "filtered"),
                Do,
            ],
        ),
        (disk("/dev/sdb", device="lun"), "disk vda has device='lun'", [Do]),
        (
            HOSTDEV.format("rawio='yes'"),
            "its scsi host device has rawio='yes'",
            [SetAttribute("devices/hostdev[1]", "rawio", "no")],
        ),
    ],
)
def test_raw_commands_fail_with_the_fix(inside: str, says: str, edits: list[object]) -> None:
    (finding,) = judge(CONTROL, store(guest(inside)))
    assert (finding.result, finding.message) == ("fail", says)
    found = [Do if isinstance(change.edit, Do) else change.edit for change in finding.fix]
    assert found == edits

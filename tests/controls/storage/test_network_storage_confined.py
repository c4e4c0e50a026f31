"""Images on network storage keep guests apart, and SELinux opens only the kinds of storage that are used."""

from tests.kit import guest, judge, results
from tests.storagehost import REFUSED, Files, disk, store
from virtwarden.controls.storage.network_storage_confined import CONTROL
from virtwarden.edits import SetState
from virtwarden.host import Host, Unknown
from virtwarden.model import Document, State

SAFE = "rw,nosuid,nodev,noexec,relatime"
KEPT = "/etc/selinux/targeted/active/booleans.local"
LIVE = "/sys/fs/selinux/booleans/"


def selinux(nfs: str = "0", kept: str = "") -> dict[str, str | Unknown]:
    files: dict[str, str | Unknown] = {"/sys/fs/selinux/enforce": "1", KEPT: kept} if kept else {}
    return {
        "/sys/fs/selinux/enforce": "1",
        "/etc/selinux/config": "SELINUX=enforcing\n",
        f"{LIVE}virt_use_nfs": f"{nfs} {nfs}",
        f"{LIVE}virt_use_samba": "0 0",
        **files,
    }


def host(options: str, *names: str, kind: str = "nfs4", more: Files | None = None) -> Host:
    mounts = {"/proc/mounts": f"/dev/vda1 / ext4 rw 0 0\nnas:/vm /srv/vm {kind} {options} 0 0\n"}
    return store(*(guest(disk(f"/srv/vm/{n}.img"), name=n) for n in names), files={**mounts, **(more or {})})


def test_safe_options_pass_and_missing_ones_fail() -> None:
    assert results(CONTROL, host(SAFE, "a")) == ["pass"]
    (finding,) = judge(CONTROL, host("rw,nosuid", "a", "b", kind="fuse.sshfs"))
    assert (finding.result, finding.message) == ("fail", "fuse.sshfs without nodev and noexec")
    assert finding.evidence[0].where == "/proc/mounts:2"


def test_guests_on_storage_without_labels_are_not_apart() -> None:
    options, labels, *_ = judge(CONTROL, host(SAFE, "a", "b", more=selinux("1", "virt_use_nfs=1\n")))
    assert options.result == "pass"
    assert (labels.result, labels.message) == ("fail", "its files share one label, and 2 guests use it")
    alone = judge(CONTROL, host(SAFE, "a", more=selinux("1", "virt_use_nfs=1\n")))
    assert {f.result.value for f in alone} == {"pass", "notapplicable"}
    labelled = judge(CONTROL, host(f"{SAFE},seclabel", "a", "b", more=selinux()))
    assert {f.result.value for f in labelled} == {"pass", "notapplicable"}


def test_a_boolean_that_is_needed_is_turned_on_and_one_that_is_not_off() -> None:
    found = judge(CONTROL, host(SAFE, "a", more=selinux()))
    wrong = [(f.state, f.message, f.fix[0].edit) for f in found if f.result == "fail"]
    assert wrong == [
        (State.ON_DISK, "is off, and /srv/vm needs it", SetState("on")),
        (State.IN_FORCE, "is off, and /srv/vm needs it", SetState("on")),
    ]
    idle = store(files=selinux("1", "# by libsemanage\nvirt_use_nfs=1\n"))
    wrong = [(f.state, f.message, f.fix[0].edit) for f in judge(CONTROL, idle) if f.result == "fail"]
    assert wrong == [
        (State.ON_DISK, "is on, and no guest needs it", SetState("off")),
        (State.IN_FORCE, "is on, and no guest needs it", SetState("off")),
    ]
    assert judge(CONTROL, idle)[0].fix[0].document == Document("boolean", "virt_use_nfs")


def test_what_cannot_be_read_is_unknown() -> None:
    blind = store(guest(disk()), files={"/proc/mounts": REFUSED})
    assert results(CONTROL, blind) == ["unknown"]
    unsure = {"/sys/fs/selinux/enforce": REFUSED, "/selinux/enforce": REFUSED, "/etc/selinux/config": REFUSED}
    assert results(CONTROL, store(guest(disk()), files=unsure)) == ["unknown"]
    dark = {**selinux(), f"{LIVE}virt_use_nfs": REFUSED, KEPT: REFUSED}
    assert set(results(CONTROL, store(files=dark))) == {"unknown"}


def test_nothing_to_judge() -> None:
    assert results(CONTROL, store(guest(disk() + disk("/dev/vg/a", target="vdb")))) == ["notapplicable"]

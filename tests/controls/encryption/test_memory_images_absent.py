"""No guest's memory lies on disk in the clear."""

from tests.kit import judge, results
from tests.storagehost import REFUSED, block, folder, store
from virtwarden.controls.encryption.memory_images_absent import CONTROL

STATE = "/var/lib/libvirt/qemu"
DISKS = block("vda1")
SNAPSHOT = """\
<domainsnapshot>
  <name>one</name>
  <memory snapshot='{kind}' file='/srv/web.mem'/>
</domainsnapshot>
"""


def test_empty_directories_pass_each_with_its_path() -> None:
    found = judge(CONTROL, store(files=DISKS))
    assert {f.result.value for f in found} == {"pass"}
    assert {f.evidence[0].path for f in found} == {
        f"{STATE}/{name}" for name in ("save", "dump", "ram", "snapshot")
    }


def test_a_saved_guest_and_a_dump_fail() -> None:
    files = {**DISKS, f"{STATE}/save/web.save": b"LibvirtQemudSave", f"{STATE}/dump/web-2026.dump": b"\x7fELF"}
    found = {f.subject.name: f for f in judge(CONTROL, store(files=files)) if f.result == "fail"}
    assert set(found) == {f"web {STATE}/save/web.save", f"{STATE}/dump/web-2026.dump"}
    saved = found[f"web {STATE}/save/web.save"]
    assert saved.message == "a saved guest in the clear"
    assert "virsh start web" in saved.fix[0].edit.steps  # type: ignore[union-attr]


def test_guest_memory_in_files_counts_and_its_directories_do_not() -> None:
    path = f"{STATE}/ram/1-web/ram-node0"
    host = store(files={**DISKS, path: b""}, stats=[folder(f"{STATE}/ram/1-web")])
    assert [f.subject.name for f in judge(CONTROL, host) if f.result == "fail"] == [path]


def test_the_dump_directory_of_qemu_conf_counts() -> None:
    files = {**DISKS, "/etc/libvirt/qemu.conf": 'auto_dump_path = "/srv/dumps"\n', "/srv/dumps/web.dump": b""}
    assert results(CONTROL, store(files=files))[0] == "fail"
    relative = {**DISKS, "/etc/libvirt/qemu.conf": 'auto_dump_path = "dumps"\n'}
    assert set(results(CONTROL, store(files=relative))) == {"pass"}
    broken = {**DISKS, "/etc/libvirt/qemu.conf": "auto_dump_path = \n"}
    assert set(results(CONTROL, store(files=broken))) == {"pass"}


def test_the_memory_of_a_snapshot_counts_where_it_is_a_file() -> None:
    path = f"{STATE}/snapshot/web/one.xml"
    there = {**DISKS, path: SNAPSHOT.format(kind="external"), "/srv/web.mem": b""}
    (finding,) = [f for f in judge(CONTROL, store(files=there)) if f.result == "fail"]
    assert (finding.subject.name, finding.message) == ("web /srv/web.mem", "a memory of a snapshot in the clear")
    assert finding.evidence[0].where == f"{path}:3"
    gone = {**DISKS, path: SNAPSHOT.format(kind="external")}
    assert set(results(CONTROL, store(files=gone))) == {"pass"}
    inside = {**DISKS, path: SNAPSHOT.format(kind="internal")}
    assert set(results(CONTROL, store(files=inside))) == {"pass"}


def test_memory_on_an_encrypted_volume_passes() -> None:
    crypt = block("dm-0", name="root", uuid="CRYPT-LUKS2-1-root")
    mounts = {"/proc/mounts": "/dev/mapper/root / ext4 rw 0 0\n"}
    host = store(files={**crypt, **mounts, f"{STATE}/save/web.save": b""})
    assert judge(CONTROL, host)[0].message == "a saved guest on the encrypted volume root"


def test_what_cannot_be_read_is_unknown() -> None:
    found = judge(CONTROL, store(files={**DISKS, f"{STATE}/save/*": REFUSED}))
    assert [f.result.value for f in found].count("unknown") == 1
    assert f"{STATE}/save" not in {f.evidence[0].path for f in found if f.result == "pass"}
    broken = {**DISKS, f"{STATE}/snapshot/web/one.xml": "<domainsnapshot"}
    assert "unknown" in results(CONTROL, store(files=broken))
    refused = {**DISKS, f"{STATE}/snapshot/web/one.xml": REFUSED}
    assert "unknown" in results(CONTROL, store(files=refused))
    blind = {**DISKS, "/proc/mounts": REFUSED, f"{STATE}/save/web.save": b""}
    assert results(CONTROL, store(files=blind))[0] == "unknown"

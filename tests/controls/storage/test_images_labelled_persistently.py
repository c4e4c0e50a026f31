"""SELinux's policy gives images a label of their own wherever they lie."""

from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, REFUSED, WEB, Files, disk, folder, store
from virtwarden.controls.storage.images_labelled_persistently import CONTROL
from virtwarden.edits import SetState
from virtwarden.host import Host, Stat
from virtwarden.model import Change, Document, State

FILES = "/etc/selinux/targeted/contexts/files/file_contexts"
SELINUX = {
    "/sys/fs/selinux/enforce": "1",
    "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
    FILES: (
        "/.*\tsystem_u:object_r:default_t:s0\n"
        "/var/lib/libvirt(/.*)?\tsystem_u:object_r:virt_var_lib_t:s0\n"
        "/var/lib/libvirt/images(/.*)?\tsystem_u:object_r:virt_image_t:s0\n"
        "/var/tmp/.*\t<<none>>\n"
    ),
}
RAID = "/mnt/raid/images"


def labelled(path: str = IMAGES, label: str | None = "system_u:object_r:virt_image_t:s0") -> Stat:
    return folder(path, label=label)


def host(path: str = WEB, stat: Stat | None = None, local: str = "", more: Files | None = None) -> Host:
    contexts = {FILES + ".local": local} if local else {}
    return store(guest(disk(path)), files={**SELINUX, **contexts, **(more or {})}, stats=[stat or labelled()])


def test_the_default_directory_passes_on_disk_and_in_force() -> None:
    on_disk, in_force = judge(CONTROL, host())
    assert (on_disk.result, on_disk.state, on_disk.evidence[0].line) == ("pass", State.ON_DISK, 3)
    assert (in_force.result, in_force.state) == ("pass", State.IN_FORCE)


def test_a_pattern_with_the_directorys_final_slash_fails() -> None:
    local = "/mnt/raid/images//(/.*)?    system_u:object_r:virt_image_t:s0\n"
    pattern, relabel, present = judge(CONTROL, host(f"{RAID}/web.img", labelled(RAID), local))
    assert (pattern.result, pattern.message) == ("fail", "matches no path")
    assert pattern.fix == (
        Change(Document("fcontext", "/mnt/raid/images//(/.*)?"), SetState("absent")),
        Change(Document("fcontext", "/mnt/raid/images(/.*)?"), SetState("virt_image_t")),
    )
    of_directories = "/mnt/raid/images//(/.*)?  -d  system_u:object_r:virt_image_t:s0\n"
    (by_hand, *_) = judge(CONTROL, host(f"{RAID}/web.img", labelled(RAID), of_directories))
    assert by_hand.fix[0].safety == "manual"
    assert (relabel.result, relabel.message) == ("fail", "a relabel makes images there default_t")
    assert present.result == "pass"
    slash = "/mnt/raid/images/(/.*)?    system_u:object_r:virt_image_t:s0\n"
    assert results(CONTROL, host(f"{RAID}/web.img", labelled(RAID), slash)) == ["fail", "fail", "pass"]


def test_a_custom_directory_with_a_rule_and_one_like_the_default_pass() -> None:
    local = "/mnt/raid/images(/.*)?    system_u:object_r:virt_image_t:s0\n/opt/x  system_u:object_r:bin_t:s0\n"
    assert results(CONTROL, host(f"{RAID}/web.img", labelled(RAID), local)) == ["pass", "pass", "pass"]
    subs = {FILES + ".subs": "/mnt/raid/images /var/lib/libvirt/images\n"}
    assert results(CONTROL, host(f"{RAID}/web.img", labelled(RAID), more=subs)) == ["pass", "pass"]


def test_a_directory_without_a_rule_fails_on_disk_and_one_with_another_label_in_force() -> None:
    found = judge(CONTROL, host(f"{RAID}/web.img", labelled(RAID, "system_u:object_r:default_t:s0")))
    assert [(f.result.value, f.message) for f in found] == [
        ("fail", "a relabel makes images there default_t"),
        ("fail", "is labelled default_t"),
    ]
    change = Change(Document("fcontext", f"{RAID}(/.*)?"), SetState("virt_image_t"))
    assert [f.fix for f in found] == [(change,), (change,)]
    odd = judge(CONTROL, host("/mnt/a.b/web.img", labelled("/mnt/a.b", "system_u:object_r:default_t:s0")))
    assert [f.fix[0].safety for f in odd] == ["manual", "manual"]
    (_, late) = judge(CONTROL, host(stat=labelled(label="system_u:object_r:default_t:s0")))
    assert str(late.fix[0].edit).startswith("Do(steps='restorecon -RFv")
    (kept, _) = judge(CONTROL, host("/var/tmp/web.img", labelled("/var/tmp")))
    assert kept.message == "a relabel makes images there keep what they have"
    bare = host(f"{RAID}/web.img", labelled(RAID), more={FILES: "/usr/.*  system_u:object_r:usr_t:s0\n"})
    assert judge(CONTROL, bare)[0].message == "a relabel makes images there nothing, as no rule matches"


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(more={FILES + ".local": REFUSED})) == ["unknown", "unknown", "pass"]
    assert results(CONTROL, host(stat=labelled(label=None))) == ["pass", "unknown"]
    world = store(guest(disk()), files=SELINUX, refused={IMAGES: REFUSED})
    assert results(CONTROL, world) == ["pass", "unknown"]
    without = {path: text for path, text in SELINUX.items() if path != FILES}
    assert results(CONTROL, store(guest(disk()), files=without, stats=[labelled()])) == ["unknown", "pass"]


def test_other_hosts_and_other_places_are_not_judged() -> None:
    assert results(CONTROL, store(guest(disk()))) == ["notapplicable"]
    assert results(CONTROL, store(guest(disk()), files=SELINUX)) == ["pass", "notapplicable"]
    assert results(CONTROL, host("/dev/vg/web")) == ["notapplicable"]
    nfs = {"/proc/mounts": "/dev/vda1 / ext4 rw 0 0\nnas:/vm /srv/vm nfs4 rw 0 0\n"}
    assert results(CONTROL, host("/srv/vm/web.img", more=nfs)) == ["notapplicable"]
    assert results(CONTROL, host(more={"/proc/mounts": REFUSED})) == ["pass", "pass"]

"""A throw-away guest's records are looked for one by one, and in their order."""

from __future__ import annotations

from tests.kit import made
from tests.prove.fakelab import GUEST, FakeLab, audited
from virtwarden.facts.audit import AuditRules
from virtwarden.host import Host
from virtwarden.model import Observation
from virtwarden.prove.audit import prove_guest

_WHO = f'vm="{GUEST.name}" uuid={GUEST.uuid}'
_RECORDS = (
    f"type=VIRT_MACHINE_ID|virt=qemu {_WHO} vm-ctx=+107:+107 img-ctx=+107:+107 model=dac",
    f'type=VIRT_RESOURCE|virt=qemu resrc=net reason=open {_WHO} net={GUEST.mac} path="/dev/net/tun" rdev=0A:C8',
    f'type=VIRT_RESOURCE|virt=qemu resrc=cgroup reason=deny {_WHO} cgroup="/x/" class=all',
    f'type=VIRT_RESOURCE|virt=qemu resrc=cgroup reason=allow {_WHO} cgroup="/x/" class=path path="/dev/null" acl=rw',
    f'type=VIRT_RESOURCE|virt=qemu resrc=net reason=start {_WHO} old-net="?" new-net="{GUEST.mac}"',
    f"type=VIRT_RESOURCE|virt=qemu resrc=mem reason=start {_WHO} old-mem=0 new-mem=1024",
    f"type=VIRT_RESOURCE|virt=qemu resrc=vcpu reason=start {_WHO} old-vcpu=0 new-vcpu=1",
    f"type=VIRT_CONTROL|virt=qemu op=start reason=booted {_WHO} vm-pid=396",
    f"type=VIRT_CONTROL|virt=qemu op=stop reason=destroyed {_WHO} vm-pid=0",
)
_CONTROLLERS = {"/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\ndevices\t5\t70\t1\n"}


def lines(*records: str, outcome: str = "success") -> tuple[str, ...]:
    """The records as auditd writes them."""
    return tuple(
        "{0} msg=audit(1796053094.342:{2}): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='{1} "
        'exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res={3}\'\x1dUID="root"'.format(
            *record.split("|"), 100 + at, outcome
        )
        for at, record in enumerate(records)
    )


def seen(*records: str, files: dict[str, str] | None = None) -> list[Observation]:
    """What is said of a guest of which these lines came."""
    host = made(
        audited("").get(AuditRules),
        files=files if files is not None else _CONTROLLERS,
        commands={("auditctl", "-s"): "enabled 1\npid 7\nlost 0\n"},
    )
    return list(prove_guest(host, FakeLab(guest_lines=records)))


def test_all_of_a_guest_s_records_in_their_order_hold() -> None:
    found = seen(*lines(*_RECORDS))
    assert len(found) == len(_RECORDS) + 1
    assert all(each.holds for each in found)
    assert found[0].seen == "VIRT_MACHINE_ID 1796053094.342:100"


def test_each_record_that_is_missing_is_named() -> None:
    for at, record in enumerate(_RECORDS):
        found = seen(*lines(*(other for other in _RECORDS if other != record)))
        wrong = [each for each in found if each.holds is False]
        assert len(wrong) == 1, record
        assert wrong[0] == found[at]
        assert GUEST.uuid in wrong[0].seen
        assert found[-1].holds is None


def test_records_of_another_guest_do_not_count() -> None:
    other = "6d6f636b-0000-4000-8000-00000000000a"
    found = seen(*lines(*(record.replace(GUEST.uuid, other) for record in _RECORDS)))
    assert {each.holds for each in found[:-1]} == {False}


def test_records_of_what_failed_do_not_count() -> None:
    found = seen(*lines(*_RECORDS, outcome="failed"))
    assert {each.holds for each in found[:-1]} == {False}


def test_records_out_of_order_are_told_with_both_ids() -> None:
    found = seen(*lines(_RECORDS[7], *_RECORDS[:7], _RECORDS[8]))
    assert found[-1].holds is False
    assert "came after VIRT_CONTROL 1796053094.342:100" in found[-1].seen


def test_devices_are_not_asked_for_where_the_kernel_has_no_controller_for_them() -> None:
    without = (*_RECORDS[:2], *_RECORDS[4:])
    found = seen(*lines(*without), files={"/proc/cgroups": "#subsys_name\nmemory\t6\t1\t1\n"})
    assert all(each.holds for each in found)


def test_a_guest_that_does_not_start_proves_nothing() -> None:
    host: Host = audited("")
    (only,) = prove_guest(host, FakeLab(impossible="virsh create: no emulator"))
    assert (only.holds, only.seen) == (None, "virsh create: no emulator")


def test_a_guest_is_not_even_started_where_nothing_can_be_heard() -> None:
    (only,) = prove_guest(audited("", status="enabled 0\npid 0\n"), FakeLab(impossible="must not be started"))
    assert (only.holds, only.seen) == (None, "auditing is switched off (enabled 0)")

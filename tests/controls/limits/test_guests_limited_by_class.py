"""Guests have the limits of their class."""

from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import host, saying, tenant
from virtwarden.controls.limits.guests_limited_by_class import CONTROL
from virtwarden.edits import Edit, InsertElement, RemoveElement, SetAttribute
from virtwarden.facts.policy import GuestClass, Limits, Policy
from virtwarden.model import Finding, State

DISK = "<disk type='file' device='disk'><source file='/a'/><target dev='vda'/>{}</disk>"
NIC = "<interface type='{}'><mac address='52:54:00:00:00:01'/><source bridge='br0'/>{}</interface>"


def edits(finding: Finding) -> list[Edit]:
    return [change.edit for change in finding.fix]


def test_a_guest_within_all_limits_passes_in_both_states() -> None:
    devices = (
        DISK.format(
            "<iotune><total_iops_sec>500</total_iops_sec><read_bytes_sec>1048576</read_bytes_sec>"
            "<write_bytes_sec>1048576</write_bytes_sec></iotune>"
        )
        + "<disk type='file' device='cdrom'><target dev='sda'/></disk>"
        + NIC.format("bridge", "<bandwidth><inbound average='1000'/><outbound average='900'/></bandwidth>")
    )
    extra = "<cputune><shares>512</shares><period>100000</period><quota>50000</quota></cputune>"
    policy = tenant(
        memory_mib=1024,
        cpu_shares=512,
        cpu_percent=100,
        disk_iops=500,
        disk_mib_per_second=2,
        network_kib_per_second=1000,
    )
    found = judge(CONTROL, host(guest(devices, extra=extra, running=True), facts=(policy,)))
    assert [(f.result, f.state) for f in found] == [("pass", State.ON_DISK), ("pass", State.IN_FORCE)]
    assert found[0].message == "it keeps to the limits of class tenant"


def test_too_much_memory_fails_and_is_for_a_person_to_change() -> None:
    (finding,) = judge(CONTROL, host(guest(), facts=(tenant(memory_mib=512),)))
    assert (finding.result, finding.message) == (
        "fail",
        "it may have 1 GiB of memory, more than 512 MiB (class tenant)",
    )
    assert finding.evidence[0].line == 4
    assert "virsh setmaxmem web 512M" in edits(finding)[0].steps  # type: ignore[union-attr]


def test_a_guest_without_processor_limits_fails_with_one_element_as_the_fix() -> None:
    (finding,) = judge(CONTROL, host(guest(), facts=(tenant(cpu_shares=512, cpu_percent=200),)))
    assert "it has no CPU shares, not 512 at most; it may take any amount of a processor" in finding.message
    (edit,) = edits(finding)
    assert isinstance(edit, InsertElement)
    assert edit.path == "."
    inserted = {child.tag: child.text for child in fromstring(edit.xml)}
    assert inserted == {"shares": "512", "global_period": "100000", "global_quota": "200000"}


def test_limits_that_are_too_wide_are_taken_out_first() -> None:
    extra = "<cputune><shares>1024</shares><global_quota>300000</global_quota></cputune>"
    (finding,) = judge(CONTROL, host(guest(extra=extra), facts=(tenant(cpu_shares=512, cpu_percent=200),)))
    assert "it has 1024 CPU shares" in finding.message
    assert "it may take 300 % of a processor, not 200 % at most" in finding.message
    assert edits(finding)[:2] == [RemoveElement("cputune/shares"), RemoveElement("cputune/global_quota")]
    assert [edit.path for edit in edits(finding)[2:]] == ["cputune"] * 3  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cputune", "result"),
    [
        ("<quota>50000</quota>", "pass"),  # each of two processors half: one whole
        ("<quota>100000</quota>", "fail"),
        ("<quota>100000</quota><global_quota>100000</global_quota>", "pass"),
        ("<quota>-1</quota>", "fail"),
        ("<quota>0</quota>", "fail"),
        ("<quota>half</quota>", "fail"),
        ("<period>200000</period><quota>100000</quota>", "pass"),
        ("<period>-5</period><quota>1000</quota>", "fail"),
    ],
)
def test_the_quota_counts_for_all_virtual_processors(cputune: str, result: str) -> None:
    member = guest(extra=f"<cputune>{cputune}</cputune>")
    assert results(CONTROL, host(member, facts=(tenant(cpu_percent=100),))) == [result]


def test_each_disk_has_to_be_limited() -> None:
    policy = tenant(disk_iops=500, disk_mib_per_second=100)
    (finding,) = judge(CONTROL, host(guest(DISK.format("")), facts=(policy,)))
    assert finding.message == (
        "disk vda may do any number of IOPS, not 500; "
        "disk vda may move any amount a second, not 100 MiB (class tenant)"
    )
    xml = "<iotune><total_iops_sec>500</total_iops_sec><total_bytes_sec>104857600</total_bytes_sec></iotune>"
    assert edits(finding) == [InsertElement("devices/disk[1]", xml)]


def test_a_limit_on_reading_alone_is_none_and_is_replaced() -> None:
    tune = "<iotune><read_iops_sec>100</read_iops_sec><total_bytes_sec>209715200</total_bytes_sec></iotune>"
    policy = tenant(disk_iops=500, disk_mib_per_second=100)
    (finding,) = judge(CONTROL, host(guest(DISK.format(tune)), facts=(policy,)))
    assert "may move 200 MiB a second, not 100 MiB" in finding.message
    assert edits(finding)[:2] == [
        RemoveElement("devices/disk[1]/iotune/read_iops_sec"),
        RemoveElement("devices/disk[1]/iotune/total_bytes_sec"),
    ]
    assert len(edits(finding)) == 4


@pytest.mark.parametrize(("group", "result"), [("slow", "pass"), ("fast", "fail"), ("missing", "fail")])
def test_a_throttle_group_limits_a_disk(group: str, result: str) -> None:
    extra = "<throttlegroups>" + "".join(
        f"<throttlegroup><total_iops_sec>{number}</total_iops_sec><group_name>{name}</group_name></throttlegroup>"
        for name, number in (("slow", 100), ("fast", 9000))
    )
    disk = DISK.format(f"<throttlefilters><throttlefilter group='{group}'/></throttlefilters>")
    member = guest(disk, extra=extra + "</throttlegroups>")
    assert results(CONTROL, host(member, facts=(tenant(disk_iops=500),))) == [result]


def test_a_class_without_a_limit_for_a_part_leaves_it_alone() -> None:
    member = guest(DISK.format("") + NIC.format("bridge", ""))
    assert results(CONTROL, host(member, facts=(tenant(memory_mib=1024),))) == ["pass"]


def test_each_interface_has_to_be_limited_both_ways() -> None:
    policy = tenant(network_kib_per_second=1000)
    bare = judge(CONTROL, host(guest(NIC.format("bridge", "")), facts=(policy,)))[0]
    assert "inbound of 52:54:00:00:00:01 is any amount of KiB a second, not 1000" in bare.message
    both = "<bandwidth><inbound average='1000'/><outbound average='1000'/></bandwidth>"
    assert edits(bare) == [InsertElement("devices/interface[1]", both)]
    one = NIC.format("bridge", "<bandwidth><inbound average='9000' peak='9999'/></bandwidth>")
    (half,) = judge(CONTROL, host(guest(one), facts=(policy,)))
    assert "inbound of 52:54:00:00:00:01 is 9000 KiB a second" in half.message
    assert edits(half) == [
        SetAttribute("devices/interface[1]/bandwidth/inbound", "average", "1000"),
        InsertElement("devices/interface[1]/bandwidth", "<outbound average='1000'/>"),
    ]


def test_a_passed_through_card_is_for_a_person_to_limit() -> None:
    member = guest(NIC.format("hostdev", ""))
    (finding,) = judge(CONTROL, host(member, facts=(tenant(network_kib_per_second=1000),)))
    assert "max_tx_rate" in edits(finding)[0].steps  # type: ignore[union-attr]


def test_a_running_guest_is_changed_with_a_command() -> None:
    policy = tenant(cpu_shares=512, cpu_percent=100)
    _, live = judge(CONTROL, host(guest(running=True), facts=(policy,)))
    assert live.state is State.IN_FORCE
    assert edits(live)[0].steps == (  # type: ignore[union-attr]
        "virsh schedinfo web --live cpu_shares=512 global_period=100000 global_quota=100000"
    )


def test_the_strictest_of_several_classes_counts() -> None:
    classes = {"a": GuestClass(guests=("w*",), memory_mib=512), "b": GuestClass(guests=("web",), memory_mib=2048)}
    policy = replace(Policy(), limits=Limits(classes=classes))
    (finding,) = judge(CONTROL, host(guest(), facts=(policy,)))
    assert finding.message.endswith("more than 512 MiB (class a, b)")


def test_only_guests_that_a_class_names_are_judged() -> None:
    policy = replace(Policy(), limits=Limits(classes={"a": GuestClass(guests=("t-*",), memory_mib=1)}))
    assert results(CONTROL, host(guest(), facts=(policy,))) == ["notapplicable"]
    assert results(CONTROL, host(guest())) == ["notapplicable"]


def test_what_runs_may_be_unknown() -> None:
    assert results(CONTROL, made(replace(guests(guest()), liveness="refused"), tenant())) == ["pass", "unknown"]


def test_memory_that_is_no_number_is_unknown() -> None:
    for said in ("lots", "-1", "9" * 5000):
        assert results(CONTROL, host(saying("memory", said), facts=(tenant(memory_mib=1024),))) == ["unknown"]

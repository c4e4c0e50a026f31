"""The audit log has the record of every running guest's start."""

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.audit.libvirt_records_arrive import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.model import Evidence

SEARCH = ("ausearch", "--input-logs", "--message", "VIRT_CONTROL", "--raw")
RECORD = (
    "type=VIRT_CONTROL msg=audit(1700000000.123:456): pid=900 uid=0 auid=4294967295 ses=4294967295 msg='virt=kvm "
    'op=start reason=booted vm="web" uuid=11111111-2222-3333-4444-555555555555 vm-pid=4321 '
    'exe="/usr/sbin/libvirtd" '
    "hostname=? addr=? terminal=? res=success'\n"
)
WEB = guests(guest(running=True))


def logged(text: str | tuple[int, str], fact: Guests = WEB) -> Host:
    return made(fact, commands={SEARCH: text})


def test_a_record_of_this_very_process_passes() -> None:
    (finding,) = judge(CONTROL, logged(RECORD))
    assert (finding.result, finding.message) == ("pass", "its start is on record")


def test_records_of_red_hat_six_have_no_pid() -> None:
    old = RECORD.replace(" vm-pid=4321", "").replace("pid=900", "user pid=900")
    assert results(CONTROL, logged(old)) == ["pass"]


def test_a_record_of_an_earlier_process_or_of_a_failure_does_not_count() -> None:
    assert results(CONTROL, logged(RECORD.replace("4321", "99"))) == ["fail"]
    assert results(CONTROL, logged(RECORD.replace("success", "failed"))) == ["fail"]


def test_an_empty_log_fails() -> None:
    assert results(CONTROL, logged((1, "<no matches>\n"))) == ["fail"]


def test_a_log_that_cannot_be_searched_is_unknown() -> None:
    assert results(CONTROL, logged((1, "Error opening config file (Permission denied)\n"))) == ["unknown"]


def test_hosts_where_no_guest_runs_are_not_judged() -> None:
    assert results(CONTROL, logged(RECORD, guests(guest()))) == ["notapplicable"]


def test_where_it_is_not_known_which_guests_run_it_is_unknown() -> None:
    assert results(CONTROL, logged(RECORD, Guests(liveness="/run is not part of an image"))) == ["unknown"]
    broken = Guests(unread=(Evidence("not well-formed", path="/etc/libvirt/qemu/x.xml"),))
    assert results(CONTROL, logged(RECORD, broken)) == ["unknown"]


def test_without_the_tools_it_is_unknown_while_guests_run() -> None:
    (finding,) = judge(CONTROL, made(WEB))
    assert (finding.result, finding.message[-25:]) == ("unknown", "ausearch is not installed")

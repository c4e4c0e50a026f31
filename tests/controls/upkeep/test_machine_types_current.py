"""No guest has a machine type of long ago."""

import pytest

from tests.kit import NOW, guest, guests, judge, made, refusing, results
from virtwarden.controls.upkeep.machine_types_current import CONTROL
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import Evidence, State


def with_machine(attribute: str) -> Guest:
    xml = (
        f"<domain type='kvm'>\n<name>web</name>\n<os>\n<type arch='x86_64' {attribute}>hvm</type>\n</os></domain>"
    )
    return Guest("web", "", Definition(xmltext.parse(xml), State.ON_DISK, Text("/web.xml", xml, NOW)))


@pytest.mark.parametrize(
    "machine",
    [
        *("isapc", "pc-0.12", "pc-1.3", "pc-2.0", "pc-i440fx-1.7", "pc-i440fx-2.12", "pc-q35-2.10", "virt-2.8"),
        *("rhel6.2.0", "rhel5.4.4", "pc-i440fx-rhel7.6.0", "pc-q35-rhel7.3.0", "pseries-rhel7.5.0"),
        *("pc-i440fx-xenial", "pc-q35-bionic", "pc-i440fx-bionic-hpb"),
    ],
)
def test_old_types_fail(machine: str) -> None:
    (finding,) = judge(CONTROL, made(guests(with_machine(f"machine='{machine}'"))))
    assert (finding.result, finding.evidence[0].line) == ("fail", 4)
    assert finding.message == f"its machine type {machine} is out of date"


@pytest.mark.parametrize(
    "machine",
    ["q35", "pc", "pc-q35-7.2", "pc-i440fx-8.1", "pc-q35-10.0", "pc-q35-rhel9.4.0", "pc-q35-noble", "microvm"],
)
def test_newer_types_and_aliases_pass(machine: str) -> None:
    assert results(CONTROL, made(guests(with_machine(f"machine='{machine}'")))) == ["pass"]


def test_a_type_that_is_not_named_is_unknown() -> None:
    assert results(CONTROL, made(guests(with_machine("")))) == ["unknown"]


def test_both_states_are_judged() -> None:
    assert results(CONTROL, made(guests(guest(running=True)))) == ["pass", "pass"]


def test_no_guests_are_not_judged_and_an_unread_one_is_unknown() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests((), (Evidence("denied", path="/x.xml"),)))) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]

"""Passwords of consoles end."""

from dataclasses import replace

import pytest

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.console.console_passwords_expire import CONTROL
from virtwarden.edits import SetAttribute
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Console, Policy
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Text


def console(ends: str = "") -> str:
    return f"<graphics type='vnc' passwd='[redacted]' {ends}/>"


@pytest.mark.parametrize(
    ("ends", "result"),
    [
        ("", "fail"),
        ("passwdValidTo='2026-03-20T00:00:00'", "pass"),
        ("passwdValidTo='2020-01-01T00:00:00'", "pass"),
        ("passwdValidTo='2030-01-01T00:00:00'", "fail"),
        ("passwdValidTo='soon'", "fail"),
    ],
)
def test_the_end_decides(ends: str, result: str) -> None:
    assert results(CONTROL, made(guests(guest(console(ends))))) == [result]


def test_the_policy_gives_the_days_and_the_fix_the_end() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(console())), Policy(console=Console(password_days=1))))
    assert finding.fix[0].edit == SetAttribute(
        "devices/graphics[@type='vnc']", "passwdValidTo", "2026-03-02T12:00:00"
    )
    assert finding.message == "the password of the VNC console never ends"


def test_consoles_without_a_password_are_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest("<graphics type='vnc'/>")))) == ["notapplicable"]


def test_what_libvirt_does_not_tell_is_unknown() -> None:
    told = guest("<graphics type='vnc'/>")
    assert told.on_disk is not None
    by_virsh = replace(told.on_disk, text=Text("virsh dumpxml", "", told.on_disk.text.at))
    assert results(CONTROL, made(guests(replace(told, on_disk=by_virsh)))) == ["unknown"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"

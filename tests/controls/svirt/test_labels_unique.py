"""No two guests have the same categories, nor one guest all those of another."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.kit import NOW, guest, guests, judge, made, results
from tests.svirthost import labelled, seclabel
from virtwarden.controls.svirt.labels_unique import CONTROL
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import Evidence, Finding, State


def label(level: str) -> str:
    return f"system_u:system_r:svirt_t:{level}"


def static(level: str, name: str = "db") -> Guest:
    return guest(name=name, extra=seclabel(label(level), kind="static"))


def drawn(level: str, name: str = "web") -> Guest:
    return labelled(label(level), name=name)


def by_guest(*members: Guest) -> dict[str, Finding]:
    return {finding.subject.name: finding for finding in judge(CONTROL, made(guests(*members)))}


def test_pairs_that_share_one_category_pass() -> None:
    found = by_guest(drawn("s0:c1,c2"), static("s0:c2,c3"))
    assert {f.result for f in found.values()} == {"pass"}
    assert (found["web"].state, found["db"].state) == (State.IN_FORCE, State.ON_DISK)


def test_a_dynamic_label_that_is_drawn_like_a_static_one_fails_for_both() -> None:
    found = by_guest(drawn("s0:c1,c2"), static("s0:c2,c1"))
    assert {f.result for f in found.values()} == {"fail"}
    assert found["web"].message == "its categories c1,c2 reach the files of db"
    assert found["db"].fix[0].edit == RemoveElement("seclabel[@type='static'][@model='selinux']")
    assert "start the guest" in found["web"].fix[0].edit.steps  # type: ignore[union-attr]
    assert [e.path for e in found["web"].evidence] == ["/run/libvirt/qemu/web.xml", "/etc/libvirt/qemu/db.xml"]


@pytest.mark.parametrize("wide", ["s0:c1,c2,c3", "s0:c0.c5", "s0-s0:c0.c1023", "s0:c1-s0:c1.c3"])
def test_only_the_label_that_contains_another_fails(wide: str) -> None:
    found = by_guest(drawn("s0:c1,c2"), static(wide))
    assert (found["web"].result, found["db"].result) == ("pass", "fail")


def test_a_guest_without_categories_is_open_to_the_others() -> None:
    found = by_guest(drawn("s0:c1,c2"), static("s0"))
    assert found["web"].result == "pass"
    assert found["db"].message == "it has no categories: its files are open to web"
    assert by_guest(static("s0"))["db"].result == "pass"


def test_many_others_are_counted() -> None:
    found = by_guest(*(static("s0:c1,c2", f"g{number}") for number in range(6)))
    assert found["g0"].message.endswith("the files of g1, g2, g3 and 2 more")
    assert found["g5"].message.endswith("the files of g0, g1, g2 and 2 more")


def test_a_guest_does_not_meet_itself() -> None:
    running = replace(static("s0:c1,c2"), in_force=drawn("s0:c1,c2", "db").in_force)
    assert results(CONTROL, made(guests(running))) == ["pass", "pass"]


def test_labels_that_libvirt_will_draw_anew_do_not_count() -> None:
    stale = guest(extra=seclabel(label("s0:c1,c2")))
    assert results(CONTROL, made(guests(stale, static("s0:c1,c2")))) == ["pass"]
    assert results(CONTROL, made(guests(stale))) == ["notapplicable"]
    other = guest(extra=seclabel("+1:+1", kind="static", model="dac"))
    assert results(CONTROL, made(guests(other))) == ["notapplicable"]


def test_what_makes_no_sense_or_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, made(guests(static("s0:x")))) == ["unknown"]
    unread = Guests((static("s0:c1,c2"),), unread=(Evidence("denied", path="/x"),))
    assert results(CONTROL, made(unread)) == ["pass", "unknown"]
    blind = replace(guests(static("s0:c1,c2")), liveness="an image does not tell")
    assert results(CONTROL, made(blind)) == ["pass", "unknown"]


def level_drawn(number: int) -> str:
    return f"s0:c{number % 1000},c{number % 1000 + 1 + number // 1000}"


def level_nested(number: int) -> str:
    return f"s0:c{number % 512}.c{1023 - number // 512}"


def relabelled(number: int, level: Callable[[int], str]) -> Definition:
    xml = f"<domain><name>g{number}</name>{seclabel(label(level(number)))}</domain>"
    return Definition(xmltext.parse(xml), State.IN_FORCE, Text(f"/run/libvirt/qemu/g{number}.xml", xml, NOW))


@pytest.mark.parametrize(
    ("count", "level"), [(2000, level_drawn), (2000, lambda _: "s0:c1,c2"), (300, level_nested)]
)
def test_thousands_of_guests_take_no_time(count: int, level: Callable[[int], str]) -> None:
    members = [Guest(f"g{number}", "", None, relabelled(number, level)) for number in range(count)]
    start = time.process_time()
    assert len(results(CONTROL, made(guests(*members)))) == count
    assert time.process_time() - start < 20

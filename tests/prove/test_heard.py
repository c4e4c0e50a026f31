"""Lines of a log become events, whatever stands in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from virtwarden.prove.heard import events

_SYSCALL = 'type=SYSCALL msg=audit(1.500:7): syscall=257 success=yes key={}\x1dARCH=x86_64 key="other"'
_CWD = "type=CWD msg=audit(1.500:7): cwd={}"


def test_lines_of_one_event_come_together_and_what_auditd_added_is_left_out() -> None:
    (event,) = events([_SYSCALL.format('"virt_x"'), _CWD.format('"/run/a"')])
    assert (event.id, event.keys, event.place) == ("1.500:7", ("virt_x",), "/run/a")


def test_a_node_before_the_type_is_no_hindrance() -> None:
    (event,) = events([f"node=kvm1 {_CWD.format(chr(34) + '/run/a' + chr(34))}"])
    assert event.place == "/run/a"


def test_several_keys_and_odd_places_stand_in_hexadecimal() -> None:
    (event,) = events([_SYSCALL.format("610162"), _CWD.format("2F6120C3A9")])
    assert (event.keys, event.place) == (("a", "b"), "/a é")


def test_no_key_and_no_place_are_empty() -> None:
    (event,) = events(
        [_SYSCALL.format("(null)").replace('key="other"', ""), "type=CWD msg=audit(1.500:7): cwd=(null)"]
    )
    assert (event.keys, event.place) == ((), "")


@given(st.lists(st.text(max_size=60) | st.just('type=SYSCALL msg=audit(1.5:7): key="')))
def test_no_line_is_too_odd(lines: list[str]) -> None:
    for event in events(lines):
        assert isinstance(event.keys, tuple)
        assert isinstance(event.place, str)

"""A definition is ours where libvirt only spelled our change anew, and not where somebody changed more."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.splice import trees
from virtwarden.edits import AddLine, Edit, InsertElement, RemoveElement, Replace, SetAttribute
from virtwarden.formats import xmlspans
from virtwarden.formats.xmlspans import Element
from virtwarden.splice import CannotApply, domainxml
from virtwarden.splice.domainxml import XmlEdit
from virtwarden.splice.pieces import joined
from virtwarden.stores.images import Nothing, StateImage, TextImage
from virtwarden.stores.spelling import is_ours

BEFORE = """\
<domain type='kvm'>
  <name>web</name>
  <cputune>
    <shares>512</shares>
  </cputune>
  <devices>
    <controller type='usb' index='0'/>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:01'/>
      <source bridge='br0'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:00:00:02'/>
      <source bridge='br0'/>
    </interface>
    <graphics type='vnc' port='5900' autoport='no'/>
  </devices>
</domain>
"""
NIC = "devices/interface[1]"
RNG = InsertElement("devices", "<rng model='virtio'/>")
TOLD_RNG = "<rng model='virtio'><address type='pci' slot='0x09'/></rng>"
ONE = "<mac address='52:54:00:00:00:01'/>"


def ours(now: str, *edits: Edit) -> bool:
    return is_ours(TextImage(now), TextImage(BEFORE), edits)


def swapped(*pairs: tuple[str, str]) -> str:
    text = BEFORE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_nothing_done_yet_is_ours() -> None:
    assert ours(BEFORE, RNG)


def test_what_libvirt_adds_to_a_new_device_is_ours() -> None:
    assert ours(swapped(("<graphics", f"{TOLD_RNG}<graphics")), RNG)
    bridge = "<controller type='pci' index='1'><model name='pcie-root-port'/></controller>"
    assert ours(swapped(("<graphics", f"{bridge}{TOLD_RNG}<graphics")), RNG)


def test_what_somebody_adds_beside_it_is_not() -> None:
    for other in ("<sound model='ich9'/>", "<controller type='scsi' index='0'/>", TOLD_RNG):
        assert not ours(swapped(("<graphics", f"{other}{TOLD_RNG}<graphics")), RNG)


def test_an_edit_that_libvirt_dropped_is_not_taken_for_made() -> None:
    assert not ours(swapped(("<name>web", "<title>t</title><name>web")), RNG)
    assert not ours(BEFORE + "\n", RNG)


def test_a_new_mac_in_place_of_one_that_was_taken_out_is_ours() -> None:
    edit = RemoveElement(f"{NIC}/mac")
    assert ours(swapped((ONE, "<mac address='52:54:00:99:99:99'/>")), edit)
    assert ours(swapped((ONE, "")), edit)
    assert not ours(swapped(("port='5900'", "port='5901'"), (ONE, "")), edit)
    assert not ours(BEFORE + "\n", edit)


def test_what_is_left_empty_may_be_dropped() -> None:
    edit = RemoveElement("cputune/shares")
    assert ours(swapped(("<cputune>\n    <shares>512</shares>\n  </cputune>", "")), edit)
    assert ours(swapped(("<shares>512</shares>", "")), edit)
    assert not ours(swapped(("<shares>512</shares>", "<quota>1</quota>")), edit)


def test_devices_taken_out_by_number_are_told_apart_by_what_they_hold() -> None:
    edit = RemoveElement(NIC)
    first, second = BEFORE.index("    <interface"), BEFORE.rindex("    <interface")
    graphics = BEFORE.index("    <graphics")
    assert ours(BEFORE[:first] + BEFORE[second:], edit)
    assert not ours(BEFORE[:second] + BEFORE[graphics:], edit)
    assert not ours(BEFORE[:first] + BEFORE[graphics:], edit)


def test_a_port_that_libvirt_chooses_need_not_be_told() -> None:
    path = "devices/graphics[@type='vnc']"
    edits = (SetAttribute(path, "autoport", "yes"), SetAttribute(path, "port", "-1"))
    assert ours(swapped(("port='5900' autoport='no'", "autoport='yes'")), *edits)
    assert ours(swapped(("port='5900' autoport='no'", "port='-1' autoport='yes'")), *edits)
    assert not ours(swapped(("port='5900' autoport='no'", "port='5901' autoport='yes'")), *edits)
    assert not ours(swapped(("port='5900' autoport='no'", "autoport='yes' passwd='x'")), *edits)


def test_a_document_of_our_own_is_ours_with_its_new_uuid() -> None:
    given_text = "<filter name='f'><rule action='drop'/></filter>"
    stored = "<filter name='f' chain='root'><uuid>1</uuid><rule action='drop' priority='500'/></filter>"
    edits = (Replace(given_text),)
    assert is_ours(TextImage(stored), Nothing(), edits)
    assert is_ours(Nothing(), Nothing(), edits)
    more = stored.replace("</filter>", "<rule action='accept'/></filter>")
    assert not is_ours(TextImage(more), Nothing(), edits)
    assert is_ours(Nothing(), TextImage(stored), (Replace(None),))
    assert not is_ours(TextImage(more), TextImage(stored), (Replace(None),))


@pytest.mark.parametrize("edits", [(), (AddLine("x"),), (RNG, AddLine("x"))])
def test_what_is_no_edit_of_xml_explains_nothing(edits: tuple[Edit, ...]) -> None:
    assert not ours(BEFORE.replace("web", "db"), *edits)


def test_what_is_no_xml_is_not_ours() -> None:
    assert not ours("<domain", RNG)
    assert not is_ours(TextImage("<a/>"), TextImage("<a"), (RNG,))
    assert not is_ours(TextImage("<a/>"), Nothing(), (RNG,))
    assert not is_ours(StateImage({}), TextImage(BEFORE), (RNG,))
    assert not is_ours(TextImage("x"), Nothing(), (Replace("<a/>"),))


# --- laws ----------------------------------------------------------------------------------------

FOREIGN = b"<foreign/>"


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[XmlEdit], str]:
    """A text, edits of it, and what they make of it."""
    text, path = draw(trees.places())
    one = st.one_of(
        st.builds(InsertElement, st.just(path) | trees.paths(), st.just("<new k='1'/>")),
        st.builds(SetAttribute, st.just(path) | trees.paths(), st.just("set"), st.just("v")),
        st.builds(RemoveElement, st.just(path) | trees.paths()),
    )
    edits: list[XmlEdit] = draw(st.lists(one, min_size=1, max_size=3))
    try:
        return text, edits, domainxml.apply_all(edits, text)
    except CannotApply:
        assume(condition=False)
        raise


def respelled(element: Element, data: st.DataObject) -> str:
    """The element with its attributes in another order, and what is new in it in another place."""
    attributes = data.draw(st.permutations(list(element.attributes.items())))
    head = "".join(f' {name}="{trees.escaped(value)}"' for name, value in attributes)
    children = sorted(element.children, key=lambda child: child.tag == "new")
    if children and children[-1].tag == "new":
        children.insert(data.draw(st.integers(0, len(children) - 1)), children.pop())
    body = "".join(respelled(child, data) for child in children)
    return f"<{element.tag}{head}>{trees.escaped(element.text)}{body}</{element.tag}>"


def every(element: Element) -> list[Element]:
    return [element, *(each for child in element.children for each in every(child))]


@given(edited(), st.data())
def test_whatever_order_it_is_told_in_our_change_is_ours(
    case: tuple[str, list[XmlEdit], str], data: st.DataObject
) -> None:
    before, edits, after = case
    assert is_ours(TextImage(after), TextImage(before), edits)
    told = respelled(xmlspans.parse(after.encode()), data)
    assert is_ours(TextImage(told), TextImage(before), edits)


@given(edited(), st.data())
def test_one_thing_more_or_less_is_somebody_elses(
    case: tuple[str, list[XmlEdit], str], data: st.DataObject
) -> None:
    before, edits, after = case
    raw = after.encode()
    old = [element for element in every(xmlspans.parse(raw)) if element.tag != "new"]
    chosen = data.draw(st.sampled_from(old))
    at = xmlspans.name_end(raw, chosen)
    changes = [joined(raw, [(at, at, b" foreign='1'")])]
    if not chosen.closes_itself:
        changes.append(joined(raw, [(chosen.inner, chosen.inner, FOREIGN)]))
    if chosen.parent is not None and chosen.attributes:
        changes.append(joined(raw, [(chosen.start, chosen.end, b"")]))
    now = data.draw(st.sampled_from(changes)).decode()
    assume(now != before)
    assert not is_ours(TextImage(now), TextImage(before), edits)

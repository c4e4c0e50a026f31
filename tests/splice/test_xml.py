"""Edits of libvirt's XML: by lxml's reading, by libvirt's grammar, and by libvirt itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.splice import trees
from virtwarden.edits import Edit, InsertElement, RemoveAttribute, RemoveElement, SetAttribute
from virtwarden.formats import xmlspans, xmltext
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply, apply_all
from virtwarden.splice.xmlpaths import counts, select

DOMAIN = Document("domain", "web")
SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")

WEB = """\
<!-- by hand -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web</name>
  <memory unit='KiB'>1048576</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <features/>
  <cpu mode='host-model'>
    <feature policy='require' name='aes'/>
    <feature policy='require' name='vmx'/>
  </cpu>
  <devices>
    <disk type='file' device='floppy'>
      <source file='/srv/floppy.img'/>
      <target dev='fda' bus='fdc'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name="qemu" type="qcow2" cache="unsafe"/> <!-- fast -->
      <source file='/srv/a&amp;b.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='floppy'>
      <source file='/srv/second.img'/>
      <target dev='fdb' bus='fdc'/>
    </disk>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>

    <graphics type='vnc' port='5900' websocket='5700'
              listen='0.0.0.0'/>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
      <address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>
    </rng>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-s'/>
  </qemu:commandline>
</domain>
"""
RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
AES = "<feature policy='x' name='aes'/>"
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


def made(edits: Edit | Sequence[Edit], text: str = WEB) -> str:
    result = apply_all(edits if isinstance(edits, Sequence) else [edits], text, DOMAIN)
    assert result is not None
    return result


def replaced(old: str, new: str) -> str:
    assert WEB.count(old) == 1
    return WEB.replace(old, new)


FLOPPY = """\
    <disk type='file' device='floppy'>
      <source file='/srv/floppy.img'/>
      <target dev='fda' bus='fdc'/>
    </disk>
"""
VMX = "'require' name='vmx'"
COMMANDLINE = "  <qemu:commandline>\n    <qemu:arg value='-s'/>\n  </qemu:commandline>\n"
SECOND = FLOPPY.replace("floppy.img", "second.img").replace("fda", "fdb")


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (SetAttribute("devices/disk[2]/driver", "cache", "none"), '"unsafe"', '"none"'),
        (SetAttribute("devices/disk[2]/driver", "io", 'a<"b'), '"unsafe"/>', '"unsafe" io=\'a&lt;"b\'/>'),
        (SetAttribute("devices/disk[2]/driver", "cache", 'a"b\'c\n'), '"unsafe"', "\"a&quot;b'c&#10;\""),
        (SetAttribute("devices/graphics[@type='vnc']", "passwd", "x"), "0.0.0.0'", "0.0.0.0' passwd='x'"),
        (SetAttribute("features", "x", "1"), "<features/>", "<features x='1'/>"),
        (SetAttribute(".", "type", "qemu"), "<domain type='kvm'", "<domain type='qemu'"),
        (SetAttribute("cpu/feature[@name='vmx']", "policy", "disable"), VMX, "'disable' name='vmx'"),
        (RemoveAttribute("devices/graphics[@type='vnc']", "websocket"), " websocket='5700'", ""),
        (RemoveAttribute("devices/graphics[@type='vnc']", "listen"), "\n              listen='0.0.0.0'", ""),
        (RemoveElement("devices/interface[1]/mac"), "<mac address='52:54:00:00:00:01'/>", ""),
        (RemoveElement("devices/disk[@device='floppy'][2]"), SECOND, ""),
        (RemoveElement("devices/disk[1]"), FLOPPY, ""),
        (RemoveElement(f"{QEMU}commandline"), COMMANDLINE, ""),
        (RemoveElement("devices/disk[2]/driver"), '<driver name="qemu" type="qcow2" cache="unsafe"/>', ""),
        (InsertElement("cpu", "<feature name='svm'/>"), "  </cpu>", "    <feature name='svm'/>\n  </cpu>"),
        (InsertElement("cpu", "<feature policy='disable' name='vmx'/>"), VMX, "'disable' name='vmx'"),
        (InsertElement("features", '<a b="c"/>'), "<features/>", "<features>\n    <a b='c'/>\n  </features>"),
        (InsertElement("devices/interface[1]", "<filterref/>"), "</interface>", "<filterref/></interface>"),
        (InsertElement("devices/graphics", "<a/>"), ".0'/>", ".0'>\n      <a/>\n    </graphics>"),
        (InsertElement("devices/disk[2]", "<driver name='qemu' cache='none'/>"), '"unsafe"', '"none"'),
        (InsertElement(".", "<vcpu placement='static'>4</vcpu>"), "<vcpu>2<", "<vcpu placement='static'>4<"),
        (InsertElement("devices", "<rng model='virtio'><backend model='egd' type='udp'/></rng>"), "  </devices>",
         "    <rng model='virtio'>\n      <backend model='egd' type='udp'/>\n    </rng>\n  </devices>"),
    ],
)  # fmt: skip
def test_one_place_changes(edit: Edit, old: str, new: str) -> None:
    assert made(edit) == replaced(old, new)
    if not (isinstance(edit, RemoveElement) and counts(edit.path)):
        assert made(edit, made(edit)) == made(edit)


@pytest.mark.parametrize(
    "edit",
    [
        SetAttribute("devices/disk[2]/driver", "type", "qcow2"),
        RemoveAttribute("devices/disk[2]/driver", "io"),
        RemoveAttribute("devices/video", "io"),
        RemoveElement("devices/video"),
        RemoveElement("devices/disk[4]"),
        RemoveElement("devices/disk[0]"),
        InsertElement("devices", RNG),
        InsertElement("cpu", "<feature name='aes' policy='require'/>"),
    ],
)
def test_what_is_so_already_stays(edit: Edit) -> None:
    assert made(edit) == WEB


def test_a_compact_document_stays_compact_and_one_in_double_quotes_keeps_them() -> None:
    text = '<domain type="kvm"><devices><graphics/></devices></domain>'
    edits: list[Edit] = [
        InsertElement("devices/graphics", "<clipboard copypaste='no'/>"),
        InsertElement("devices", RNG),
    ]
    rng = RNG.replace("'", '"')
    graphics = '<graphics><clipboard copypaste="no"/></graphics>'
    assert made(edits, text) == f'<domain type="kvm"><devices>{graphics}{rng}</devices></domain>'


def test_carriage_returns_and_tabs_are_followed() -> None:
    text = "<domain>\r\n\t<devices>\r\n\t</devices>\r\n</domain>"
    assert made(InsertElement("devices", "<a><b/></a>"), text) == (
        "<domain>\r\n\t<devices>\r\n\t\t<a>\r\n\t\t\t<b/>\r\n\t\t</a>\r\n\t</devices>\r\n</domain>"
    )


def test_an_element_that_is_there_takes_on_what_it_lacks_and_keeps_the_rest() -> None:
    pin = "<vcpupin vcpu='0' cpuset='1'/>"
    text = f"<d>\n  <cputune>\n    {pin}\n    <shares>9</shares>\n  </cputune>\n  <bw/>\n</d>\n"
    edits: list[Edit] = [
        InsertElement(".", "<cputune><shares>512</shares><global_quota>10</global_quota></cputune>"),
        InsertElement(".", "<bw><inbound average='5'/></bw>"),
    ]
    assert made(edits, text) == (
        f"<d>\n  <cputune>\n    {pin}\n    <shares>512</shares>\n"
        "    <global_quota>10</global_quota>\n  </cputune>\n"
        "  <bw>\n    <inbound average='5'/>\n  </bw>\n</d>\n"
    )


def test_a_device_is_put_beside_others_of_its_kind() -> None:
    text = "<d>\n  <devices>\n    <channel type='unix'/>\n  </devices>\n</d>\n"
    after = text.replace("  </dev", "    <channel type='spicevmc'/>\n  </dev")
    assert made(InsertElement("devices", "<channel type='spicevmc'/>"), text) == after


def test_numbers_mean_what_they_meant_when_the_document_was_judged() -> None:
    edits: list[Edit] = [
        RemoveElement("devices/disk[@device='floppy'][1]"),
        SetAttribute("devices/disk[2]/driver", "cache", "none"),
        RemoveElement("devices/disk[@device='floppy'][2]"),
    ]
    expected = WEB.replace(FLOPPY, "").replace(SECOND, "").replace("unsafe", "none")
    assert made(edits) == made(edits[::-1]) == expected


def test_edits_of_one_element_build_on_each_other() -> None:
    text = "<d>\n  <m>\n    <h>1</h>\n  </m>\n</d>\n"
    edits: list[Edit] = [
        RemoveElement("m/h"),
        InsertElement("m", "<h unit='KiB'>2</h>"),
        SetAttribute("m/h", "x", "1"),
        SetAttribute("m/h", "y", "2"),
        InsertElement(".", "<n><o/></n>"),
        InsertElement(".", "<n><p/></n>"),
    ]
    new = "<m>\n    <h unit='KiB' x='1' y='2'>2</h>\n  </m>\n  <n>\n    <o/>\n    <p/>\n  </n>"
    assert made(edits, text) == f"<d>\n  {new}\n</d>\n"


@pytest.mark.parametrize(
    ("edit", "text", "why"),
    [
        (SetAttribute("devices/video", "x", "1"), WEB, "there is no element at devices/video"),
        (InsertElement("memtune", "<a/>"), WEB, "there is no element at memtune"),
        (SetAttribute("cpu", "x y", "1"), WEB, "not well-formed XML"),
        (SetAttribute("cpu", "x", "\0"), WEB, "not well-formed XML"),
        (SetAttribute("cpu", "x", "\ud800"), WEB, "no character"),
        (InsertElement("cpu", "<a>"), WEB, "not well-formed XML"),
        (InsertElement("cpu", "<q:a/>"), WEB, "not well-formed XML"),
        (InsertElement("cpu", "<a xmlns='urn:a'/>"), WEB, "more than can be put in"),
        (InsertElement("cpu", "<a>b<c/></a>"), WEB, "more than can be put in"),
        (InsertElement(".", "<cpu>text</cpu>"), WEB, "elements where a text should be"),
        (InsertElement(".", f"<cpu>{AES}{AES.replace('x', 'y')}</cpu>"), WEB, "one place"),
        (RemoveElement("."), WEB, "the root"),
        (RemoveElement("cpu//feature"), WEB, "not understood"),
        (RemoveElement("cpu/"), WEB, "not understood"),
        (RemoveElement("cpu[last()]"), WEB, "not understood"),
        (RemoveElement(""), WEB, "not understood"),
        (RemoveElement("cpu"), "<d>", "not well-formed XML"),
        (RemoveElement("cpu"), "<!DOCTYPE d><d/>", "document type"),
        (RemoveElement("cpu"), "<d>\udcff</d>", "not well-formed XML"),
        (RemoveElement("cpu"), "\ud800", "no character"),
        (RemoveElement("cpu"), None, "there is no such document"),
    ],
)
def test_what_cannot_be_done_is_said(edit: Edit, text: str | None, why: str) -> None:
    with pytest.raises(CannotApply, match=f"^domain web: .*{why}"):
        apply(edit, text, DOMAIN)


def shape(element: etree._Element) -> tuple[object, ...]:
    """An element without its manner of writing: tag, attributes, text and the shapes of its children."""
    texts = "".join(cast(list[str], element.xpath("text()")))
    children = [shape(child) for child in element]
    return element.tag, sorted(element.attrib.items()), "".join(texts.split()), children


def read(text: str) -> etree._Element:
    return xmltext.parse(text)


def found(text: str, path: str) -> list[etree._Element]:
    return cast(list[etree._Element], read(text).xpath(path))


@settings(max_examples=150)
@given(place=st.tuples(trees.documents(), trees.paths()) | trees.places())
def test_paths_lead_where_xpath_leads(place: tuple[str, str]) -> None:
    text, path = place
    ours = select(xmlspans.parse(text.encode()), path)
    assert [(e.tag, e.attributes) for e in ours] == [(e.tag, dict(e.attrib)) for e in found(text, path)]


def changed(text: str, path: str, change: Callable[[etree._Element], object]) -> bytes:
    """The document in one spelling, after a change of every element at a path by other means."""
    root = read(text)
    for element in cast(list[etree._Element], root.xpath(path)):
        change(element)
    return spelled(root)


def spelled(root: etree._Element) -> bytes:
    return etree.tostring(root, method="c14n")


@settings(max_examples=150)
@given(place=trees.places(), name=st.sampled_from(["x", "y", "new"]), value=trees.VALUES)
def test_attributes_are_set_and_taken_out(place: tuple[str, str], name: str, value: str) -> None:
    text, path = place
    after, without = made(SetAttribute(path, name, value), text), made(RemoveAttribute(path, name), text)
    assert etree.tostring(read(after), method="c14n") == changed(text, path, lambda each: each.set(name, value))
    assert etree.tostring(read(without), method="c14n") == changed(
        text, path, lambda each: each.attrib.pop(name, "")
    )
    if f"@{name}" in path:
        return
    assert made(SetAttribute(path, name, value), after) == after
    assert made(RemoveAttribute(path, name), without) == without
    assert made(RemoveAttribute(path, name), after) == without


@settings(max_examples=150)
@given(place=trees.places(), value=trees.VALUES)
def test_nothing_outside_the_start_tag_moves(place: tuple[str, str], value: str) -> None:
    text, path = place
    data = text.encode()
    spans = [slice(each.start, each.inner) for each in select(xmlspans.parse(data), path)]
    after = made(SetAttribute(path, "x", value), text).encode()
    assert after.startswith(data[: spans[0].start])
    assert after.endswith(data[spans[-1].stop :])


@settings(max_examples=150)
@given(place=trees.places())
def test_elements_are_taken_out(place: tuple[str, str]) -> None:
    text, path = place
    wanted = read(text)
    for element in cast(list[etree._Element], wanted.xpath(path)):
        element.tag = "gone"
    etree.strip_elements(wanted, "gone", with_tail=False)
    after = made(RemoveElement(path), text)
    assert shape(read(after)) == shape(wanted)
    if not counts(path):
        assert made(RemoveElement(path), after) == after


NEW = "<new name='n'><a x='1'/><b>t</b></new>"


@settings(max_examples=150)
@given(place=trees.places(), root=st.booleans(), new=st.sampled_from(["<new/>", NEW, "<new>a &lt; b</new>"]))
def test_an_element_is_put_in_and_taken_out_again(place: tuple[str, str], root: bool, new: str) -> None:
    text, path = place[0], "." if root else place[1]
    after = made(InsertElement(path, new), text)
    for parent, before in zip(found(after, path), found(text, path), strict=True):
        assert shape(parent[-1]) == shape(read(new))
        etree.strip_elements(parent, "new", with_tail=False)
        etree.strip_elements(before, "new", with_tail=False)
        assert shape(parent) == shape(before)
    assert made(InsertElement(path, new), after) == after
    taken = made(RemoveElement("new" if root else f"{path}/new"), after)
    assert shape(read(taken)) == shape(read(text))
    if all(len(parent) for parent in found(text, path)):
        assert taken == text


@settings(max_examples=100)
@given(place=trees.places(), other=trees.paths(), values=st.tuples(trees.VALUES, trees.VALUES))
def test_edits_of_different_things_commute(place: tuple[str, str], other: str, values: tuple[str, str]) -> None:
    text, path = place
    other = other if found(text, other) and "@x" not in other else "."
    one, two = SetAttribute(path, "x", values[0]), SetAttribute(other, "new", values[1])
    three = InsertElement(".", "<z/>")
    assume(not {"*", "*[1]", "*[2]"} & {path, other})
    orders: list[list[Edit]] = [[one, two, three], [two, three, one], [three, one, two]]
    assert len({spelled(read(made(order, text))) for order in orders}) == 1


SAMPLES: list[Edit] = [
    InsertElement(".", "<memtune><hard_limit unit='KiB'>2097152</hard_limit></memtune>"),
    InsertElement(".", "<cputune><shares>512</shares><global_period>100000</global_period></cputune>"),
    InsertElement("devices/disk[2]", "<iotune><total_iops_sec>100</total_iops_sec></iotune>"),
    InsertElement("devices/disk[1]", "<driver name='qemu' type='raw'/>"),
    InsertElement("devices/interface[1]", "<bandwidth><inbound average='9'/><outbound average='9'/></bandwidth>"),
    InsertElement("devices/interface[1]", "<filterref filter='no-mac-spoofing'/>"),
    InsertElement("devices", RNG),
    InsertElement("cpu", "<feature policy='disable' name='svm'/>"),
    InsertElement("features", "<acpi/>"),
    SetAttribute("devices/graphics[@type='vnc']", "passwd", "one&two"),
    SetAttribute("devices/graphics[@type='vnc']", "passwdValidTo", "2026-12-23T23:42:23"),
    SetAttribute("devices/disk[2]/driver", "cache", "none"),
    SetAttribute("memory", "dumpCore", "off"),
    RemoveAttribute("devices/graphics[@type='vnc']", "websocket"),
    RemoveElement("devices/interface[1]/mac"),
    RemoveElement(f"{QEMU}commandline"),
    RemoveElement("devices/disk[@device='floppy'][1]"),
    RemoveElement("devices/disk[@device='floppy'][2]"),
]


@pytest.mark.parametrize("edits", [*([sample] for sample in SAMPLES), SAMPLES], ids=str)
def test_libvirts_grammar_accepts_what_comes_out(edits: list[Edit]) -> None:
    if not SCHEMA.exists():
        pytest.skip("libvirt's schemas are not installed")
    grammar = etree.RelaxNG(etree.parse(SCHEMA))
    grammar.assertValid(etree.ElementTree(etree.fromstring(WEB)))
    grammar.assertValid(etree.ElementTree(etree.fromstring(made(edits))))


def virsh(*words: str) -> str:
    argv = ["virsh", "--quiet", "--connect", "test:///default", "; ".join(words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_libvirt_itself_keeps_what_was_put_in(tmp_path: Path) -> None:
    if shutil.which("virsh") is None:
        pytest.skip("libvirt is not installed")
    (tmp_path / "web.xml").write_text(made([SetAttribute(".", "type", "test"), *SAMPLES]))
    stored = virsh(f"define {tmp_path}/web.xml", "dumpxml web --inactive --security-info")
    root = etree.fromstring(stored[stored.index("<domain") :])
    assert root.findtext("memtune/hard_limit") == "2097152"
    assert root.findtext("cputune/shares") == "512"
    assert root.findtext("devices/disk/iotune/total_iops_sec") == "100"
    assert root.xpath("string(devices/disk/driver/@cache)") == "none"
    assert root.xpath("string(devices/interface/bandwidth/outbound/@average)") == "9"
    assert root.xpath("string(devices/interface/filterref/@filter)") == "no-mac-spoofing"
    assert root.xpath("string(cpu/feature[@name='svm']/@policy)") == "disable"
    assert root.xpath("string(devices/graphics/@passwd)") == "one&two"
    assert root.xpath("string(devices/graphics/@passwdValidTo)") == "2026-12-23T23:42:23"
    assert root.xpath("count(devices/graphics/@websocket)") == 0
    assert root.xpath("count(devices/rng)") == 1
    assert root.xpath("count(devices/disk)") == 1
    assert root.xpath("string(memory/@dumpCore)") == "off"
    lasting = [edit for edit in SAMPLES if "disk[" not in str(edit) and not isinstance(edit, RemoveElement)]
    (tmp_path / "again.xml").write_text(made(lasting, stored[stored.index("<domain") :]))
    again = virsh(f"define {tmp_path}/again.xml", "dumpxml web --inactive --security-info")
    assert again == stored

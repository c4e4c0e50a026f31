"""What stores change in a real libvirtd is changed there, told back, and taken back to the byte."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import msgspec
import pytest

from tests.real import guests, storecall
from tests.real.guests import GUESTS, VNC_PASSWORD
from tests.real.machine import Config, Machine
from virtwarden.edits import Edit, InsertElement, RemoveElement, Replace, SetAttribute
from virtwarden.stores.images import FileImage, Image, Nothing, StateImage, StoreError, TextImage
from virtwarden.stores.live import LiveDevices, NotLive
from virtwarden.stores.programs import Programs
from virtwarden.stores.spelling import is_ours

pytestmark = pytest.mark.libvirt

DESKTOP = next(guest for guest in GUESTS if guest.name == "desktop")
FILTER = "<filterref filter='no-mac-spoofing'/>"
NIC = "devices/interface[1]"
FILTERED = (InsertElement(NIC, FILTER),)
SPICE = "devices/graphics[@type='spice']"
VNC = "devices/graphics[@type='vnc']"
RNG = "<rng model='virtio'><rate bytes='1024' period='1000'/><backend model='random'>/dev/urandom</backend></rng>"
ENDS = SetAttribute(VNC, "passwdValidTo", "2030-01-01T00:00:00")

CHANGES: dict[str, tuple[str, tuple[Edit, ...]]] = {
    "a filter": ("db", FILTERED),
    "a limit": ("db", (InsertElement("memtune", "<hard_limit unit='KiB'>900000</hard_limit>"),)),
    "first limits": ("web", (InsertElement(".", "<cputune><shares>100</shares></cputune>"),)),
    "the last limit gone": ("db", (RemoveElement("cputune/shares"),)),
    "another limit": ("db", (RemoveElement("cputune/shares"), InsertElement("cputune", "<shares>9</shares>"))),
    "rates": (
        "legacy",
        (InsertElement("devices/disk[1]", "<iotune><total_iops_sec>50</total_iops_sec></iotune>"),),
    ),
    "bandwidth": ("desktop", (InsertElement(NIC, "<bandwidth><inbound average='10'/></bandwidth>"),)),
    "a new MAC": ("build", (RemoveElement(f"{NIC}/mac"), *FILTERED)),
    "receive filters": ("db", (SetAttribute(NIC, "trustGuestRxFilters", "no"),)),
    "a cache": ("build", (SetAttribute("devices/disk[1]/driver", "cache", "none"),)),
    "a label": ("build", (RemoveElement("seclabel[@type='static'][@model='dac']"),)),
    "a processor": ("web", (InsertElement("cpu", "<feature policy='disable' name='svm'/>"),)),
    "dumps": ("web", (SetAttribute("memory", "dumpCore", "off"),)),
    "a device": ("web", (InsertElement("devices", RNG),)),
    "a console": (
        "desktop",
        (
            SetAttribute(SPICE, "autoport", "yes"),
            SetAttribute(SPICE, "port", "-1"),
            SetAttribute(SPICE, "defaultMode", "secure"),
            InsertElement(SPICE, "<clipboard copypaste='no'/>"),
        ),
    ),
    "a password": ("mail", (ENDS,)),
    "a card gone": ("build", (RemoveElement(NIC), RemoveElement("devices/disk[1]"))),
    "a shared disk": ("build", (InsertElement("devices/disk[1]", "<shareable/>"),)),
}


@dataclass(frozen=True, slots=True)
class Inside:
    """A store of the machine's own libvirtd."""

    machine: Machine
    kind: str

    def image(self, name: str, edits: tuple[Edit, ...] = ()) -> Image:
        return self._call("image", name, edits)

    def edited(self, name: str, image: Image, edits: tuple[Edit, ...]) -> Image:
        return self._call("edited", name, edits, image)

    def put(self, name: str, image: Image) -> Image:
        return self._call("put", name, (), image)

    def change(self, name: str, edits: tuple[Edit, ...]) -> Image:
        """Read, edit, put."""
        return self.put(name, self.edited(name, self.image(name, edits), edits))

    def _call(self, verb: str, name: str, edits: tuple[Edit, ...], image: Image | None = None) -> Image:
        call = msgspec.json.encode(storecall.Call(self.kind, verb, name, edits, image)).decode()
        done = self.machine.run(sys.executable, str(Path(storecall.__file__)), given=call)
        assert done.returncode == 0, done.stderr
        answer = msgspec.json.decode(done.stdout, type=storecall.Answer)
        if answer.image is None:
            raise (NotLive if answer.not_live else StoreError)(answer.error)
        return answer.image


@pytest.fixture(scope="module")
def host(real_hosts: None) -> Iterator[Machine]:
    """A host of its own, since its guests are changed."""
    with Machine(Config(name="kvmchange")) as machine:
        guests.populate(machine)
        yield machine


@pytest.fixture(scope="module")
def domains(host: Machine) -> Inside:
    return Inside(host, "domain")


@pytest.fixture(scope="module")
def old(host: Machine) -> Inside:
    return Inside(host, "old domain")


@pytest.fixture(scope="module")
def live(host: Machine) -> Inside:
    return Inside(host, "live")


def file_of(host: Machine, name: str) -> tuple[bytes, int, int]:
    """A definition's file: its bytes, mode and owner."""
    file = host.path(f"/etc/libvirt/qemu/{name}.xml")
    return file.read_bytes(), file.stat().st_mode, file.stat().st_uid


def told(image: Image) -> str:
    assert isinstance(image, TextImage)
    return image.text


def named(name: str, number: int) -> str:
    """The definition of a guest with another name."""
    text = DESKTOP.xml.replace(">desktop<", f">{escape(name)}<")
    return text.replace(DESKTOP.uuid, f"{DESKTOP.uuid[:-4]}{number:04d}")


# --- definitions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [guest.name for guest in GUESTS])
def test_a_guest_is_changed_and_taken_back_to_the_byte(
    host: Machine, domains: Inside, old: Inside, name: str
) -> None:
    at_first, before = file_of(host, name), domains.image(name)
    after = domains.change(name, FILTERED)
    assert "<filterref filter='no-mac-spoofing'" in host.read(f"/etc/libvirt/qemu/{name}.xml")
    assert domains.image(name) == after
    assert told(old.put(name, before)) == told(before)
    assert file_of(host, name) == at_first


@pytest.mark.parametrize("what", CHANGES)
def test_what_libvirt_makes_of_a_change_is_known_as_ours(domains: Inside, old: Inside, what: str) -> None:
    name, edits = CHANGES[what]
    before = domains.image(name)
    try:
        after = domains.change(name, edits)
        assert told(after) != told(before)
        assert is_ours(after, before, edits)
        also = domains.change(name, (InsertElement(".", "<title>changed by somebody</title>"),))
        assert not is_ours(also, before, edits)
        assert not is_ours(after, also, edits)
    finally:
        assert told(old.put(name, before)) == told(before)


def test_a_file_in_an_older_spelling_comes_back_as_it_was(host: Machine, domains: Inside, old: Inside) -> None:
    path = "/etc/libvirt/qemu/desktop.xml"
    rewritten = file_of(host, "desktop")
    host.stop_service("libvirtd")
    host.write(path, DESKTOP.xml.replace("<name>", "<!-- asked for by the sales department -->\n  <name>"))
    host.path(path).chmod(0o640)
    host.start_service("libvirtd")
    try:
        at_first, before = file_of(host, "desktop"), domains.image("desktop")
        domains.change("desktop", FILTERED)
        assert file_of(host, "desktop") != at_first
        assert old.put("desktop", before) == before
        assert file_of(host, "desktop") == at_first
        host.ask("virsh", "define", "/dev/stdin", given=told(before))  # as if cut short before the file
        assert file_of(host, "desktop") != at_first
        assert old.put("desktop", before) == before
        assert file_of(host, "desktop") == at_first
        host.restart_service("libvirtd")
        assert domains.image("desktop") == before
    finally:
        host.ask("virsh", "define", "/dev/stdin", given=told(before))
    assert file_of(host, "desktop") == rewritten


def test_a_file_whose_old_bytes_libvirt_no_longer_means_is_left_to_it(domains: Inside, old: Inside) -> None:
    before = domains.image("desktop")
    assert isinstance(before, TextImage)
    assert before.kept is not None
    foreign = msgspec.structs.replace(before.kept, data=b"<domain/>")
    text = before.text.replace("<vcpu placement='static'>", "<vcpu>")
    put = old.put("desktop", TextImage(text, foreign))
    assert isinstance(put, TextImage)
    assert isinstance(put.kept, FileImage)
    assert put.kept.data == before.kept.data


def test_secrets_and_autostart_survive(host: Machine, domains: Inside, old: Inside) -> None:
    before = domains.image("legacy")
    domains.change("legacy", FILTERED)
    assert f"passwd='{VNC_PASSWORD}'" in host.read("/etc/libvirt/qemu/legacy.xml")
    old.put("legacy", before)
    web = domains.image("web")
    domains.change("web", (SetAttribute("memory", "dumpCore", "off"),))
    old.put("web", web)
    assert "enable" in re.findall(r"Autostart: +(\w+)", host.ask("virsh", "dominfo", "web"))


@pytest.mark.parametrize(
    ("number", "name"),
    list(enumerate(["-x", "--help", "1", "+1", " 2", "a b", "*", "é<&'\"", "$(id)", GUESTS[0].uuid])),
)
def test_names_that_look_like_something_else_are_names(
    host: Machine, domains: Inside, old: Inside, number: int, name: str
) -> None:
    host.ask("virsh", "define", "/dev/stdin", given=named(name, 9000 + number))
    try:
        at_first, before = file_of(host, name), domains.image(name)
        assert f"{9000 + number}</uuid>" in told(before)
        domains.change(name, FILTERED)
        assert file_of(host, name) != at_first
        assert old.put(name, before) == before
    finally:
        host.ask("virsh", "undefine", f"{DESKTOP.uuid[:-4]}{9000 + number:04d}")


def test_no_such_guest_is_nothing_but_a_silent_libvirt_is_not(host: Machine, domains: Inside) -> None:
    assert domains.image("nosuch") == Nothing()
    assert domains.put("nosuch", Nothing()) == Nothing()
    host.stop_service("libvirtd")
    try:
        with pytest.raises(StoreError, match="libvirt does not tell"):
            domains.image("nosuch")
    finally:
        host.start_service("libvirtd")


def test_a_guest_is_never_taken_away_renamed_or_doubled(domains: Inside) -> None:
    before = domains.image("desktop")
    with pytest.raises(StoreError, match="not ours to take away"):
        domains.put("desktop", Nothing())
    with pytest.raises(StoreError, match="is not of domain web"):
        domains.put("web", before)
    with pytest.raises(StoreError, match="another UUID"):
        domains.put("desktop", TextImage(re.sub(" *<uuid>.*\n", "", told(before))))
    assert domains.image("desktop") == before


def test_a_guest_without_a_definition_is_not_given_one(host: Machine, domains: Inside) -> None:
    host.ask("virsh", "create", "/dev/stdin", given=named("passing", 8000))
    try:
        with pytest.raises(StoreError, match="domain passing runs without a definition"):
            domains.image("passing")
        with pytest.raises(StoreError, match="runs without a definition"):
            domains.put("passing", TextImage(named("passing", 8000)))
    finally:
        host.ask("virsh", "destroy", "passing")


def test_what_the_schema_does_not_know_is_refused_but_not_on_the_way_back(domains: Inside, old: Inside) -> None:
    before = domains.image("desktop")
    strange = TextImage(told(before).replace("<vcpu", "<nonsense/><vcpu"))
    with pytest.raises(StoreError, match=r"libvirt refuses the definition of domain desktop: .*nonsense"):
        domains.put("desktop", strange)
    assert domains.image("desktop") == before
    assert told(old.put("desktop", strange)) == told(before)


# --- filters -------------------------------------------------------------------------------------


def test_a_filter_is_made_known_as_ours_and_taken_away(host: Machine) -> None:
    filters = Inside(host, "nwfilter")
    text = "<filter name='ours' chain='root'><rule action='drop' direction='in'/></filter>"
    edits = (Replace(text),)
    before = filters.image("ours")
    assert before == Nothing()
    after = filters.change("ours", edits)
    assert "<rule action='drop' direction='in' priority='500'/>" in told(after)
    assert is_ours(after, before, edits)
    grown = TextImage(told(after).replace("</filter>", "<rule action='accept' direction='out'/></filter>"))
    assert not is_ours(filters.put("ours", grown), before, edits)
    assert filters.put("ours", Nothing()) == Nothing()
    assert not host.path("/etc/libvirt/nwfilter/ours.xml").exists()


def test_a_filter_is_changed_and_taken_back_to_the_byte(host: Machine) -> None:
    filters, path = Inside(host, "nwfilter"), "/etc/libvirt/nwfilter/allow-arp.xml"
    at_first, before = host.read(path), filters.image("allow-arp")
    edits = (SetAttribute("rule[1]", "priority", "-499"),)
    after = filters.change("allow-arp", edits)
    assert "priority='-499'" in host.read(path)
    assert is_ours(after, before, edits)
    assert filters.put("allow-arp", before) == before
    assert host.read(path) == at_first


def test_a_filter_that_guests_use_is_not_taken_away(host: Machine) -> None:
    filters = Inside(host, "nwfilter")
    with pytest.raises(StoreError, match=r"clean-traffic.*in use"):
        filters.put("clean-traffic", Nothing())
    assert isinstance(filters.image("clean-traffic"), TextImage)


# --- running guests ------------------------------------------------------------------------------


def bindings(host: Machine) -> list[str]:
    """The filters in force, in order of the interfaces."""
    return [line.split()[1] for line in host.ask("virsh", "-q", "nwfilter-binding-list").splitlines() if line]


@pytest.mark.parametrize("name", ["db", "mail", "build"])
def test_a_running_guest_is_filtered_and_taken_back(host: Machine, live: Inside, name: str) -> None:
    at_first, before = bindings(host), live.image(name, FILTERED)
    after = live.change(name, FILTERED)
    assert sorted(bindings(host)) == sorted([*at_first, "no-mac-spoofing"])
    assert after == live.image(name, FILTERED)
    assert after != live.edited(name, before, FILTERED)
    assert LiveDevices(Programs()).is_ours(after, before, FILTERED)
    assert live.put(name, before) == before
    assert bindings(host) == at_first


def test_a_device_is_found_where_the_running_guest_counts_otherwise(
    host: Machine, domains: Inside, old: Inside, live: Inside
) -> None:
    defined = domains.image("build")
    domains.change("build", (RemoveElement(NIC),))
    try:
        live.change("build", FILTERED)
        running = host.ask("virsh", "dumpxml", "build")
        first, second = re.findall(r"<interface.*?</interface>", running, re.DOTALL)
        assert "filterref" not in first
        assert "no-mac-spoofing" in second
        live.put(
            "build", live.edited("build", live.image("build", FILTERED), (RemoveElement(f"{NIC}/filterref"),))
        )
    finally:
        old.put("build", defined)


def test_a_link_goes_down_live(host: Machine, live: Inside) -> None:
    edits = (InsertElement(NIC, "<link state='down'/>"),)
    before = live.image("db", edits)
    live.change("db", edits)
    assert "down" in host.ask("virsh", "domif-getlink", "db", "52:54:00:12:34:02")
    assert live.put("db", before) == before


def test_what_libvirt_says_that_it_did_and_did_not_is_noticed(live: Inside) -> None:
    with pytest.raises(NotLive, match="leaves 52:54:00:12:34:02 as it is"):
        live.change("db", (SetAttribute(NIC, "trustGuestRxFilters", "yes"),))


def test_a_console_password_ends_live_and_keeps_its_secret(host: Machine, live: Inside) -> None:
    edits = (ENDS,)
    before = live.image("mail", edits)
    live.change("mail", edits)
    running = host.ask("virsh", "dumpxml", "--security-info", "mail")
    assert f"passwd='{VNC_PASSWORD}' passwdValidTo='2030-01-01T00:00:00'" in running
    assert live.put("mail", before) == before


def test_a_guest_that_does_not_run_is_left_alone(live: Inside) -> None:
    assert live.image("legacy", FILTERED) == Nothing()
    assert live.change("legacy", FILTERED) == Nothing()


def test_what_libvirt_cannot_do_live_is_no_failure(live: Inside) -> None:
    image = live.image("db", FILTERED)
    assert isinstance(image, StateImage)
    ((key, text),) = image.words.items()
    with pytest.raises(NotLive, match=r"guest db: .*cannot modify network device model"):
        live.put("db", StateImage({key: text.replace("type='virtio'", "type='e1000'")}))
    with pytest.raises(NotLive, match="no such device"):
        live.put("db", StateImage({f"{NIC} 52:54:00:00:00:00": text}))
    with pytest.raises(StoreError, match="failed to add new filter rules") as failure:
        live.put("db", StateImage({key: text.replace("<model", "<filterref filter='nosuch'/><model")}))
    assert not isinstance(failure.value, NotLive)
    assert live.image("db", FILTERED) == image


def test_an_old_device_fits_after_the_guest_was_started_anew(host: Machine, live: Inside) -> None:
    before = live.image("db", FILTERED)
    live.change("db", FILTERED)
    host.ask("virsh", "destroy", "db")
    host.ask("virsh", "start", "db")
    live.change("db", FILTERED)
    assert live.put("db", before) == before

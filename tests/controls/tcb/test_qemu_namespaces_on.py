"""Each guest has a mount namespace of its own, with nothing in /dev but its devices."""

from tests.kit import NOW, judge, made, refusing, results
from virtwarden.controls.tcb.qemu_namespaces_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.conffile import ConfText
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.formats import virconf
from virtwarden.host import Text

TODAY = Libvirt(frozenset({"libvirtd"}), modular=False, version=(9, 0, 0))
UNVERSIONED = Libvirt(frozenset({"libvirtd"}), modular=False)


def test_an_empty_list_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(QemuConf(namespaces=()), TODAY))
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("namespaces", ("mount",)))


def test_the_default_of_a_libvirt_that_knows_it_passes() -> None:
    assert results(CONTROL, made(QemuConf(), TODAY)) == ["pass"]


def test_a_libvirt_of_rhel_6_fails() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 9, 4))
    (finding,) = judge(CONTROL, made(QemuConf(), old))
    assert (finding.result, finding.message[:14]) == ("fail", "libvirt 0.9.4 ")


def test_without_a_version_the_file_that_came_with_libvirt_tells() -> None:
    text = '#namespaces = [ "mount" ]\n'
    documented = QemuConf(ConfText(PATH, Text(PATH, text, NOW), virconf.parse(text)))
    assert results(CONTROL, made(documented, UNVERSIONED)) == ["pass"]
    assert results(CONTROL, made(QemuConf(), UNVERSIONED)) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]

"""No directory is exported over NFS to clients whose root is root here."""

from tests.kit import guest, judge, made, refusing, results
from tests.storagehost import disk, folder, private, store
from virtwarden.controls.storage.exports_squash_root import CONTROL
from virtwarden.host import Absent, Unknown

LAB = "/srv/vm 10.30.0.0/24(rw,sync,no_subtree_check,no_root_squash)\n"


def test_images_that_a_clients_root_may_write_fail() -> None:
    image = "/srv/vm/web.qcow2"
    world = store(guest(disk(image)), files={"/etc/exports": LAB}, stats=[folder("/srv/vm"), private(image)])
    (finding,) = judge(CONTROL, world)
    assert (finding.result, finding.subject.name) == ("fail", "/srv/vm to 10.30.0.0/24")
    assert finding.message == "root of the client reads and writes it as root; images of guests are in /srv/vm"
    assert finding.evidence[0].where == "/etc/exports:1"


def test_an_export_fails_without_images_too_and_on_a_host_without_libvirt() -> None:
    files = {"/etc/exports": "", "/etc/exports.d/home.exports": "/home a(ro,no_root_squash) b(rw)\n"}
    fail, passing = judge(CONTROL, made(files=files))
    assert (fail.result, fail.message) == ("fail", "root of the client reads it as root")
    assert (passing.result, passing.subject.name) == ("pass", "/home to b")


def test_no_exports_are_not_judged_and_a_refusal_is_unknown() -> None:
    assert results(CONTROL, made(files={"/etc/exports": "# nothing\n"})) == ["notapplicable"]
    assert results(CONTROL, made()) == ["notapplicable"]
    assert results(CONTROL, made(files={"/etc/exports": Absent("gone")})) == ["notapplicable"]
    assert results(CONTROL, made(files={"/etc/exports": Unknown("denied")})) == ["unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]

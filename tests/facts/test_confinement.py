"""Which security module confines guests on this host, and what it holds each of them to."""

import pytest

from tests.kit import guest, made, refusing
from tests.svirthost import PROCESS, UUID, labelled, seclabel
from virtwarden.facts.confinement import Confinement, profile_of
from virtwarden.host import Absent, Unknown
from virtwarden.model import State

ON, LIST = "/sys/module/apparmor/parameters/enabled", "/sys/kernel/security/apparmor/profiles"
ENFORCE, CONFIG = "/sys/fs/selinux/enforce", "/etc/selinux/config"
PROFILES = f"""\
libvirt-{UUID} (enforce)
virt-aa-helper (complain)
libvirtd//qemu_bridge_helper (enforce)
/usr/{{lib,lib64}}/a b (x) (unconfined)

"""
REFUSED = Unknown("permission denied")
DEAD = dict.fromkeys((ON, LIST, ENFORCE, "/selinux/enforce"), Unknown("an image has no /sys"))


def test_selinux_that_the_kernel_runs_counts() -> None:
    found = made(files={ENFORCE: "0", CONFIG: "SELINUX=enforcing\n", ON: "Y\n"}).get(Confinement)
    assert (found.module, found.state, found.evidence.path) == ("selinux", State.IN_FORCE, ENFORCE)


def test_selinux_of_an_image_is_what_is_set_up() -> None:
    found = made(files={**DEAD, CONFIG: "SELINUX=enforcing\n"}).get(Confinement)
    assert (found.module, found.state, found.evidence.path) == ("selinux", State.ON_DISK, CONFIG)


def test_apparmor_with_its_profiles() -> None:
    found = made(files={ON: "Y\n", LIST: PROFILES}).get(Confinement)
    assert (found.module, found.evidence.path) == ("apparmor", ON)
    assert {name: profile.mode for name, profile in found.loaded().items()} == {
        f"libvirt-{UUID}": "enforce",
        "virt-aa-helper": "complain",
        "libvirtd//qemu_bridge_helper": "enforce",
        "/usr/{lib,lib64}/a b (x)": "unconfined",
    }
    assert found.loaded()["virt-aa-helper"].evidence.line == 2
    assert found.missing("libvirtd").text == "no profile libvirtd"


@pytest.mark.parametrize("listed", [REFUSED, Absent("there is no such file")])
def test_profiles_that_cannot_be_listed_are_unknown(listed: Unknown | Absent) -> None:
    found = made(files={ON: "Y\n", LIST: listed}).get(Confinement)
    assert found.module == "apparmor"
    with pytest.raises(Unknown, match="which AppArmor profiles are loaded"):
        found.loaded()


def test_neither_of_them() -> None:
    assert made().get(Confinement).module == "none"
    assert made(files={ON: "N\n"}).get(Confinement).evidence.path == ON
    assert made(files={CONFIG: "SELINUX=disabled\n"}).get(Confinement).module == "none"


@pytest.mark.parametrize("files", [{}, {ON: "N\n"}])
def test_a_refusal_of_selinux_leaves_it_open_unless_apparmor_is_there(files: dict[str, str]) -> None:
    refused = dict.fromkeys((ENFORCE, "/selinux/enforce", CONFIG), REFUSED)
    with pytest.raises(Unknown):
        made(files={**refused, **files}).get(Confinement)
    assert made(files={**refused, ON: "Y\n"}).get(Confinement).module == "apparmor"


def test_an_image_has_apparmor_where_libvirts_profile_is_there() -> None:
    profile = "/etc/apparmor.d/usr.sbin.virtqemud"
    found = made(files={**DEAD, profile: "profile virtqemud {}\n"}).get(Confinement)
    assert (found.module, found.state, found.profiles) == ("apparmor", State.ON_DISK, None)
    with pytest.raises(Unknown):
        made(files=DEAD).get(Confinement)


def test_a_host_that_answers_nothing_is_unknown() -> None:
    with pytest.raises(Unknown):
        refusing().get(Confinement)


def test_the_profile_of_a_guest_is_that_of_its_running_xml() -> None:
    own = f"libvirt-{UUID}"
    assert profile_of(labelled(PROCESS)) == own
    assert profile_of(guest(extra=seclabel(own, model="apparmor"))) == own
    assert profile_of(guest(extra=seclabel("web-guest", kind="static", model="apparmor"))) == "web-guest"

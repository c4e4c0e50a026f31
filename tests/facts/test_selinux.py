"""SELinux as it is and as it will be after the next boot."""

from __future__ import annotations

import pytest

from tests.kit import made, refusing
from tests.storagehost import texts
from virtwarden.facts.selinux import Mode, Selinux, type_of
from virtwarden.host import Absent, Unknown

ENFORCE = "/sys/fs/selinux/enforce"
CONFIG = "/etc/selinux/config"
ON = {ENFORCE: "1", CONFIG: "# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"}
REFUSED = Unknown("permission denied")


def word(mode: Mode | Absent | Unknown) -> str:
    return mode.word if isinstance(mode, Mode) else type(mode).__name__


@pytest.mark.parametrize(
    ("files", "live", "disk", "used"),
    [
        (ON, "enforcing", "enforcing", True),
        ({ENFORCE: "0", CONFIG: "SELINUX=permissive\n"}, "permissive", "permissive", True),
        ({"/selinux/enforce": "1", CONFIG: "SELINUX=Enforcing\n"}, "enforcing", "enforcing", True),
        ({ENFORCE: "1"}, "enforcing", "Absent", True),
        ({ENFORCE: "1", CONFIG: "SELINUXTYPE=mls\n"}, "enforcing", "disabled", True),
        ({CONFIG: "SELINUX=enforcing\n"}, "Absent", "enforcing", False),
        ({ENFORCE: REFUSED, CONFIG: "SELINUX=enforcing\n"}, "Unknown", "enforcing", True),
        ({ENFORCE: REFUSED, CONFIG: "SELINUX=disabled\n"}, "Unknown", "disabled", False),
    ],
)
def test_both_sides_are_kept(
    files: dict[str, str | bytes | Unknown | Absent], live: str, disk: str, used: bool
) -> None:
    found = made(files=files).get(Selinux)
    assert (word(found.in_force), word(found.on_disk), found.is_in_use) == (live, disk, used)


@pytest.mark.parametrize(
    "files", [{}, {CONFIG: "SELINUX=disabled\n"}, {ENFORCE: REFUSED}, {CONFIG: REFUSED}, {CONFIG: "\n"}]
)
def test_a_host_without_it_is_absent(files: dict[str, str | bytes | Unknown | Absent]) -> None:
    with pytest.raises(Absent, match="SELinux is not in use"):
        made(files=files).get(Selinux)


def test_a_host_that_tells_nothing_is_unknown() -> None:
    with pytest.raises(Unknown, match="whether SELinux is in use"):
        refusing().get(Selinux)


def test_booleans_are_read_from_the_kernel_and_from_the_store() -> None:
    files = {
        **ON,
        "/sys/fs/selinux/booleans/virt_use_nfs": "1 1",
        "/etc/selinux/targeted/modules/active/booleans.local": "# x\nvirt_use_nfs=0\nvirt_use_usb=on\n",
    }
    found = made(files=files).get(Selinux)
    live, kept = found.boolean("virt_use_nfs"), found.kept_boolean("virt_use_nfs")
    assert live is not None
    assert kept is not None
    assert (live.on, kept.on, kept.evidence.line) == (True, False, 2)
    assert (found.boolean("virt_use_x"), found.kept_boolean("virt_use_x")) == (None, None)


def test_a_boolean_that_is_neither_on_nor_off_is_unknown() -> None:
    found = made(files={**ON, "/sys/fs/selinux/booleans/virt_use_nfs": "what"}).get(Selinux)
    with pytest.raises(Unknown, match="neither 0 nor 1"):
        found.boolean("virt_use_nfs")


def test_refusals_are_kept_apart() -> None:
    base = "/etc/selinux/targeted"
    files = {
        **ON,
        "/sys/fs/selinux/booleans/virt_use_nfs": Absent("gone"),
        f"{base}/active/booleans.local": REFUSED,
        f"{base}/contexts/files/file_contexts": REFUSED,
    }
    found = made(files=texts(files)).get(Selinux)
    for ask in (
        lambda: found.boolean("virt_use_nfs"),
        lambda: found.kept_boolean("virt_use_nfs"),
        lambda: found.local_rules,
        lambda: found.label_rule("/x", "file"),
    ):
        with pytest.raises(Unknown):
            ask()


def test_homes_and_equivalences_have_their_say() -> None:
    base = "/etc/selinux/targeted/contexts/files/file_contexts"
    files = {
        **ON,
        base: "/home/.*  system_u:object_r:home_t:s0\n/data/.*  system_u:object_r:virt_image_t:s0\n",
        f"{base}.homedirs": "/home/[^/]+/vms(/.*)?  unconfined_u:object_r:virt_home_t:s0\n",
        f"{base}.subs_dist": "/srv/vm /data\n",
    }
    found = made(files=files).get(Selinux)
    for path, wanted in (("/home/a/vms/x", "virt_home_t"), ("/srv/vm/x", "virt_image_t"), ("/home/x", "home_t")):
        rule = found.label_rule(path, "file")
        assert rule is not None
        assert rule.type == wanted
    assert found.label_rule("/opt/x", "file") is None


def test_a_type_is_the_third_part_of_a_context() -> None:
    assert type_of("system_u:object_r:virt_image_t:s0:c1,c2") == "virt_image_t"
    assert type_of("unlabeled") is type_of(None) is None

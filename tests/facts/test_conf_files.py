"""libvirt's conf files as they are written, with the keys that the installed libvirt knows in each."""

import re
from pathlib import Path

import pytest

from tests.kit import made
from virtwarden.facts.conf_files import ConfFiles
from virtwarden.facts.conf_keys import KEYS, LENSES
from virtwarden.facts.daemon_conf import DaemonConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Unknown

LIBVIRT = Libvirt(frozenset({"libvirtd"}), modular=False)
LENS_DIRECTORY = Path("/usr/share/augeas/lenses")


def test_files_that_cannot_be_read_or_parsed_are_kept_apart() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/etc/libvirt/libvirtd.conf": "listen_tls = 0\n",
        "/etc/libvirt/qemu.conf": Unknown("/etc/libvirt/qemu.conf: permission denied"),
        "/etc/libvirt/virtlogd.conf": "max_size 1\n",
        "/etc/libvirt/libvirt.conf": "uri_default = 'qemu:///system'\n",
    }
    found = made(LIBVIRT, files=files).get(ConfFiles)
    assert [file.name for file in found.files] == ["libvirtd.conf", "libvirt.conf"]
    assert [evidence.path for evidence in found.unread] == ["/etc/libvirt/qemu.conf", "/etc/libvirt/virtlogd.conf"]


def test_a_host_without_libvirt_has_none() -> None:
    with pytest.raises(Absent):
        made().get(ConfFiles)


def test_every_key_that_we_judge_is_a_key_that_we_know() -> None:
    assert set(QemuConf.__dataclass_fields__) - {"file", "wants"} <= KEYS["qemu.conf"]
    assert set(DaemonConf.__dataclass_fields__) - {"file", "wants"} <= KEYS["libvirtd.conf"]


@pytest.mark.skipif(not (LENS_DIRECTORY / "libvirtd.aug").exists(), reason="libvirt's lenses are not installed")
def test_the_installed_libvirt_knows_no_key_that_we_do_not() -> None:
    for name, lens in LENSES.items():
        path = LENS_DIRECTORY / lens
        if path.exists():
            assert set(re.findall(r'_entry\s+"(\w+)"', path.read_text("utf-8"))) <= KEYS[name]

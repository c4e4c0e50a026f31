"""Who may open /dev/kvm, and who may plug a network card into a bridge through QEMU's helper."""

import pytest

from tests.kit import entry, made, refusing
from virtwarden.facts.kvm_access import BridgeHelper, KvmDevice
from virtwarden.host import Absent, Unknown

SYSTEMD = (
    '# comment with KERNEL=="kvm", MODE="0666"\n'
    'SUBSYSTEM=="misc", KERNEL=="rfkill", MODE="0664"\n'
    'KERNEL=="kvm", GROUP="kvm", MODE="0660", OPTIONS+="static_node=kvm"\n'
)
FEDORA = 'KERNEL=="kvm", GROUP="kvm", MODE="0666"\n'
QEMU_UACCESS = 'KERNEL=="kvm", TAG+="uaccess"\n'


def test_the_last_rule_with_a_mode_decides() -> None:
    files = {
        "/usr/lib/udev/rules.d/50-udev-default.rules": SYSTEMD,
        "/usr/lib/udev/rules.d/80-kvm.rules": FEDORA,
        "/etc/udev/rules.d/99-local-kvm.rules": QEMU_UACCESS,
    }
    device = made(files=files, stats=[entry("/dev/kvm", kind="char", mode=0o666)]).get(KvmDevice)
    assert device.rule is not None
    assert (device.rule.value, device.rule.evidence.path) == ("0666", "/usr/lib/udev/rules.d/80-kvm.rules")
    assert device.node is not None
    assert device.node.mode == 0o666


def test_a_file_in_etc_masks_one_of_its_name() -> None:
    files = {
        "/usr/lib/udev/rules.d/80-kvm.rules": FEDORA,
        "/etc/udev/rules.d/80-kvm.rules": 'KERNEL=="kvm|vhost-net", MODE:="660"\n',
    }
    rule = made(files=files).get(KvmDevice).rule
    assert rule is not None
    assert rule.value == "660"


def test_no_rule_and_refusals_are_said() -> None:
    nothing = made(files={"/etc/udev/rules.d/a.rules": Absent("gone")}).get(KvmDevice)
    assert (nothing.node, nothing.rule, nothing.rule_refusal) == (None, None, "no rule of udev for it was found")
    refused = refusing().get(KvmDevice)
    assert "denied" in refused.node_refusal
    assert "denied" in refused.rule_refusal


def test_lists_of_bridges_are_read_with_those_that_they_include() -> None:
    files: dict[str, str | Unknown] = {
        "/etc/qemu/bridge.conf": "# ours\nallow virbr0 # NAT\ninclude /etc/qemu/alice.conf\n"
        "include /etc/qemu/b.conf\n",
        "/etc/qemu/alice.conf": "deny br0\nallow all\nnonsense\n",
        "/etc/qemu/b.conf": Unknown("/etc/qemu/b.conf: permission denied"),
    }
    helper = made(files=files, stats=[entry("/usr/libexec/qemu-bridge-helper", mode=0o4755)]).get(BridgeHelper)
    assert [(permit.verb, permit.bridge) for permit in helper.permits] == [
        ("allow", "virbr0"),
        ("deny", "br0"),
        ("allow", "all"),
    ]
    assert helper.permits[2].value.evidence.line == 2
    assert [stat.path for stat in helper.lists] == ["/etc/qemu/bridge.conf", "/etc/qemu/alice.conf"]
    assert helper.unread == ("/etc/qemu/b.conf: permission denied",)
    assert helper.is_setuid


def test_a_helper_that_is_missing_or_refused() -> None:
    assert not made().get(BridgeHelper).is_setuid
    with pytest.raises(Unknown):
        refusing().get(BridgeHelper)

"""Made-up hosts of any number of guests, as a directory tree and as a recording."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

_DISK = """    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/var/lib/libvirt/images/{name}-{target}.qcow2'/>
      <target dev='{target}' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
"""
_PCI = """    <controller type='pci' index='{index}' model='pcie-root-port'>
      <model name='pcie-root-port'/>
      <target chassis='{index}' port='0x{index:02x}'/>
    </controller>
"""


def names(count: int) -> Iterator[str]:
    """The guests' names."""
    return (f"guest-{number:04d}" for number in range(count))


def domain(number: int, name: str) -> str:
    """A guest as virt-install makes them: two disks, a bridge, a VNC console, a dozen controllers."""
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    mac = f"52:54:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    listen = "0.0.0.0" if number % 3 == 0 else "127.0.0.1"
    disks = "".join(_DISK.format(name=name, target=target) for target in ("vda", "vdb"))
    controllers = "".join(_PCI.format(index=index) for index in range(1, 13))
    return f"""<domain type='kvm'>
  <name>{name}</name>
  <uuid>{identity}</uuid>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu placement='static'>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-passthrough' check='none' migratable='on'/>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
{disks}{controllers}\
    <interface type='bridge'>
      <mac address='{mac}'/>
      <source bridge='br0'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'><target type='isa-serial' port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='-1' autoport='yes' listen='{listen}'>
      <listen type='address' address='{listen}'/>
    </graphics>
    <video><model type='virtio' heads='1' primary='yes'/></video>
    <memballoon model='virtio'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
  <seclabel type='dynamic' model='apparmor' relabel='yes'/>
</domain>
"""


def files(count: int) -> Iterator[tuple[str, str]]:
    """Path and text of every file of such a host."""
    yield "/etc/hostname", f"bench-{count}\n"
    yield "/etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
    yield "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nlibvirt-qemu:x:64055:108::/var/lib/libvirt:/bin/false\n"
    yield "/etc/group", "root:x:0:\nkvm:x:108:\nlibvirt:x:109:\n"
    yield "/etc/libvirt/qemu.conf", 'user = "libvirt-qemu"\nvnc_listen = "0.0.0.0"\n'
    yield "/etc/libvirt/libvirtd.conf", 'auth_tcp = "sasl"\n'
    yield "/usr/sbin/libvirtd", ""
    for number, name in enumerate(names(count)):
        yield f"/etc/libvirt/qemu/{name}.xml", domain(number, name)


def write_tree(root: Path, count: int) -> Path:
    """The host as a directory for `--root`."""
    for path, text in files(count):
        copy = root / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, "utf-8")
    images = root / "var/lib/libvirt/images"
    images.mkdir(parents=True)
    for name in names(count):
        for disk in ("vda", "vdb"):
            (images / f"{name}-{disk}.qcow2").write_bytes(b"QFI\xfb\0\0\0\3" + bytes(504))
    return root

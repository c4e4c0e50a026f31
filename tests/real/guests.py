"""Six guests as they stand on an unhardened host, small enough to run in software emulation.

    web      bridged behind the filter clean-traffic; VNC open on every address
    db       bridged without a filter, memory limits; VNC on this host only
    mail     on libvirt's NAT network; VNC with a password
    build    bridged twice; a raw disk and a fixed user of its own; VNC open on every address
    legacy   an old machine type, IDE and e1000; VNC with a password on every address
    desktop  on the NAT network; SPICE open on every address

Each disk holds a boot sector that halts the processor, so a running guest costs no time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.real.machine import Machine

DISK_SIZE = 64 << 20
IMAGES = "/var/lib/libvirt/images"
VNC_PASSWORD = "s3cretVN"
RUNNING = ("web", "db", "mail", "build")
AUTOSTARTED = ("web", "db")

HALT = bytes([0xFA, 0xF4, 0xEB, 0xFD]).ljust(510, b"\0") + b"\x55\xaa"
"""A boot sector: no interrupts, halt, and halt again."""

_DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <description>{description}</description>
  <memory unit='KiB'>{memory}</memory>
  <vcpu>1</vcpu>
{resources}  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <boot dev='hd'/>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='{format}'{cache}/>
      <source file='{image}'/>
      <target dev='{target}' bus='{bus}'/>
    </disk>
{devices}  </devices>
{labels}</domain>
"""

_BRIDGED = """\
<interface type='bridge'>
  <mac address='52:54:00:12:34:{last}'/>
  <source bridge='{bridge}'/>
  <model type='{model}'/>
</interface>
"""

_FILTERED = """\
<interface type='bridge'>
  <mac address='52:54:00:12:34:01'/>
  <source bridge='br0'/>
  <model type='virtio'/>
  <filterref filter='clean-traffic'>
    <parameter name='IP' value='192.0.2.21'/>
  </filterref>
</interface>
"""

_NATTED = """\
<interface type='network'>
  <mac address='52:54:00:12:34:{last}'/>
  <source network='default'/>
  <model type='virtio'/>
</interface>
"""

_SERIAL = """\
<serial type='pty'/>
<console type='pty'/>
"""

_FIXED_USER = """\
<seclabel type='static' model='dac' relabel='yes'>
  <label>+1001:+1001</label>
</seclabel>
"""

_LIMITS = """\
<memtune>
  <soft_limit unit='KiB'>98304</soft_limit>
</memtune>
<cputune>
  <shares>512</shares>
</cputune>
"""


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest: what its definition says, and nothing that is the same for all."""

    name: str
    number: int
    description: str
    devices: str
    memory: int = 65536
    machine: str = "q35"
    format: str = "qcow2"
    target: str = "vda"
    bus: str = "virtio"
    cache: str = ""
    resources: str = ""
    labels: str = ""

    @property
    def uuid(self) -> str:
        """A fixed identity, the same in every run."""
        return f"6d6f636b-0000-4000-8000-{self.number:012d}"

    @property
    def image(self) -> str:
        """The path of its disk on the host."""
        return f"{IMAGES}/{self.name}.{'img' if self.format == 'raw' else self.format}"

    @property
    def xml(self) -> str:
        """The definition as an administrator would give it to `virsh define`."""
        return _DOMAIN.format(
            name=self.name,
            uuid=self.uuid,
            description=self.description,
            memory=self.memory,
            machine=self.machine,
            format=self.format,
            cache=f" cache='{self.cache}'" if self.cache else "",
            image=self.image,
            target=self.target,
            bus=self.bus,
            resources=indent(self.resources, "  "),
            devices=indent(self.devices, "    "),
            labels=indent(self.labels, "  "),
        )


def _vnc(listen: str, password: str = "") -> str:
    secret = f" passwd='{password}'" if password else ""
    return (
        f"<graphics type='vnc' port='-1' autoport='yes'{secret}>\n"
        f"  <listen type='address' address='{listen}'/>\n</graphics>\n"
    )


_SPICE = """\
<graphics type='spice' autoport='yes'>
  <listen type='address' address='0.0.0.0'/>
</graphics>
"""

GUESTS = (
    Guest("web", 1, "Public web server", _FILTERED + _SERIAL + _vnc("0.0.0.0")),
    Guest(
        "db",
        2,
        "Customer database",
        _BRIDGED.format(last="02", bridge="br0", model="virtio") + _SERIAL + _vnc("127.0.0.1"),
        memory=131072,
        resources=_LIMITS,
    ),
    Guest("mail", 3, "Mail relay", _NATTED.format(last="03") + _vnc("127.0.0.1", VNC_PASSWORD)),
    Guest(
        "build",
        4,
        "Build worker",
        _BRIDGED.format(last="04", bridge="br0", model="virtio")
        + _BRIDGED.format(last="14", bridge="br1", model="virtio")
        + _vnc("0.0.0.0"),
        format="raw",
        cache="unsafe",
        labels=_FIXED_USER,
    ),
    Guest(
        "legacy",
        5,
        "Old accounting system",
        _BRIDGED.format(last="05", bridge="br0", model="e1000") + _SERIAL + _vnc("0.0.0.0", VNC_PASSWORD),
        machine="pc",
        format="raw",
        target="hda",
        bus="ide",
    ),
    Guest("desktop", 6, "Windows desktop", _NATTED.format(last="06") + _SPICE),
)


def define(machine: Machine, guest: Guest) -> None:
    """Make the guest's disk and define it."""
    raw = machine.path(f"{IMAGES}/halt.bin")
    raw.write_bytes(HALT)
    os.truncate(raw, DISK_SIZE)
    machine.ask("qemu-img", "convert", "-f", "raw", "-O", guest.format, f"{IMAGES}/halt.bin", guest.image)
    raw.unlink()
    machine.ask("virsh", "-q", "define", "--validate", "/dev/stdin", given=guest.xml)


def start(machine: Machine, *names: str) -> None:
    """Start guests, in this order."""
    for name in names:
        machine.ask("virsh", "-q", "start", name)


def populate(machine: Machine) -> None:
    """Define all six guests, start the NAT network and the guests of `RUNNING`."""
    for command in ("net-start", "net-autostart"):
        machine.ask("virsh", "-q", command, "default")
    for guest in GUESTS:
        define(machine, guest)
    for name in AUTOSTARTED:
        machine.ask("virsh", "-q", "autostart", name)
    start(machine, *RUNNING)

"""A guest with an odd name and nearly every device that libvirt audits, and how they change while it runs.

`TOLD` is what libvirt 9 writes of that in VIRT_RESOURCE, but for cgroups, in order: kind, reason, old, new. What it
does not write is left out there as well: a random number generator that is plugged in, memory given back, and that
the guest went over to the copy of its disk.
"""

from __future__ import annotations

from tests.real.guests import IMAGES
from tests.real.machine import Machine

NAME = 'kit "ö'
DISK = f"{IMAGES}/build it.qcow2"
OVERLAY = f"{IMAGES}/overlay.qcow2"
COPY = f"{IMAGES}/copy.qcow2"
SERIAL = "/var/log/kit.log"
CHANNEL = "/var/lib/libvirt/qemu/kit.sock"
_DOMAIN = f"""\
<domain type='qemu'>
  <name>{NAME}</name>
  <uuid>6d6f636b-0000-4000-8000-000000000010</uuid>
  <memory unit='KiB'>65536</memory>
  <vcpu current='1'>2</vcpu>
  <iothreads>1</iothreads>
  <os><type machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{DISK}'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='virtio-serial' index='0'/>
    <serial type='file'><source path='{SERIAL}'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <shmem name='kit0'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>
    <redirdev bus='usb' type='tcp'><source mode='bind' host='127.0.0.1' service='4001'/></redirdev>
  </devices>
</domain>
"""
_PLUGGED = (
    "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>",
    f"<channel type='unix'><source mode='bind' path='{CHANNEL}'/><target type='virtio' name='other'/></channel>",
    "<redirdev bus='usb' type='tcp'><source mode='bind' host='127.0.0.1' service='4002'/></redirdev>",
    "<shmem name='kit1'><model type='ivshmem-plain'/><size unit='M'>1</size></shmem>",
)
_REDIRECTED = "USB redirdev"
TOLD = (
    ("disk", "start", None, DISK),
    ("dev", "start", None, _REDIRECTED),
    ("chardev", "start", None, SERIAL),
    ("rng", "start", None, "/dev/urandom"),
    ("shmem", "start", None, "/dev/shm/kit0"),
    ("mem", "start", None, "65536"),
    ("vcpu", "start", None, "1"),
    ("iothread", "start", None, "1"),
    ("vcpu", "update", "1", "2"),
    ("iothread", "update", "1", "2"),
    ("iothread", "update", "2", "1"),
    ("chardev", "attach", None, CHANNEL),
    ("dev", "attach", None, _REDIRECTED),
    ("shmem", "attach", None, "/dev/shm/kit1"),
    ("disk", "snapshot", DISK, OVERLAY),
    ("disk", "mirror", None, COPY),
)


def start(machine: Machine) -> None:
    """Define and start it."""
    machine.ask("qemu-img", "create", "-q", "-f", "qcow2", DISK, "16M")
    machine.ask("virsh", "-q", "define", "/dev/stdin", given=_DOMAIN)
    machine.ask("virsh", "-q", "start", NAME)


def change(machine: Machine) -> None:
    """Plug in and take out while it runs; then destroy it."""
    machine.ask("virsh", "-q", "setvcpus", NAME, "2", "--live")
    machine.ask("virsh", "-q", "iothreadadd", NAME, "5", "--live")
    machine.ask("virsh", "-q", "iothreaddel", NAME, "5", "--live")
    machine.ask("virsh", "-q", "setmem", NAME, "48M", "--live")
    for device in _PLUGGED:
        machine.ask("virsh", "-q", "attach-device", NAME, "/dev/stdin", "--live", given=device)
    overlay = ("--disk-only", "--diskspec", f"vda,file={OVERLAY}")
    machine.ask("virsh", "-q", "snapshot-create-as", NAME, "before", *overlay)
    machine.ask("virsh", "-q", "blockcopy", NAME, "vda", COPY, "--wait", "--pivot", "--transient-job")
    machine.ask("virsh", "-q", "destroy", NAME)

"""Whether this machine can play a KVM host at all, and if not, what is in the way."""

import os
import shutil
import subprocess
import sys

from tests.real.cgroups import TOP, CgroupTree
from tests.real.plain import PLAIN
from tests.real.services import SERVICES

_PROGRAMS = (
    *(service.argv[0] for service in SERVICES.values()),
    *("unshare", "nsenter", "setpriv", "mount", "ip", "ss", "hostname"),
    *("virsh", "qemu-system-x86_64", "qemu-img", "dnsmasq", "iptables", "ebtables", "ssh", "ssh-keygen"),
)
_FILES = ("/etc/libvirt/nwfilter/clean-traffic.xml", "/usr/share/libvirt/networks/default.xml", "/dev/net/tun")


def why_not() -> str | None:
    """The reason why no machine can be started here; None if nothing is known against it."""
    if sys.platform != "linux":
        return "a real KVM host needs Linux"
    if os.geteuid() != 0:
        return "a real KVM host needs root"
    if missing := _missing():
        return f"a real KVM host needs what tools/install-test-packages installs; missing: {', '.join(missing)}"
    return _no_namespaces() or _no_cgroups()


def _missing() -> list[str]:
    programs = [name for name in _PROGRAMS if not shutil.which(name, path=PLAIN["PATH"])]
    return programs + [file for file in _FILES if not os.path.exists(file)]


def _no_namespaces() -> str | None:
    flags = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--mount-proc")
    trial = ("unshare", *flags, "mount", "-t", "sysfs", "sysfs", "/sys")
    result = subprocess.run(trial, capture_output=True, text=True, env=PLAIN, timeout=30, check=False)
    return f"namespaces cannot be made here: {result.stderr.strip()}" if result.returncode else None


def _no_cgroups() -> str | None:
    tree = CgroupTree.here("")
    if not tree.hierarchies:
        return f"no cgroups are mounted below {TOP}"
    closed = [str(root) for root in tree.roots() if not os.access(root, os.W_OK)]
    if closed:
        return f"cgroups cannot be made in {', '.join(closed)}"
    return None if tree.shares("memory") else "no memory controller can be used in a new cgroup"

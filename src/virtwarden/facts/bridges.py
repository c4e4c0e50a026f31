"""The sysctls of single network devices, and the host's bridges that guests are on."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.facts.kernel import LAST_SYSCTL_FILE, Sysctls, Value
from virtwarden.host import Absent

DROP_IN = "/etc/sysctl.d/99-virt-warden-network.conf"


def device_key(family: str, device: str, name: str) -> str:
    """A device's sysctl in dotted spelling, in which a dot within the device's name is a slash."""
    return f"net.{family}.conf.{device.replace('.', '/')}.{name}"


def configured(sysctls: Sysctls, family: str, device: str, name: str) -> Value | None:
    """What the files set for a device at boot: by its own name, a pattern, or for every device that comes.

    Raises `Unknown` where the files could not be read.
    """
    keys = (device_key(family, which, name) for which in (device, "default", "all"))
    return next((value for value in map(sysctls.configured, keys) if value is not None), None)


def in_force(sysctls: Sysctls, family: str, device: str, *names: str) -> Iterator[Value]:
    """What holds for a device now, as far as this kernel has it. Raises `Unknown`."""
    for name in names:
        try:
            yield sysctls.effective(device_key(family, device, name))
        except Absent:
            continue


def file_of(value: Value | None, otherwise: str = DROP_IN) -> str:
    """The file in which to set a sysctl: the one that sets it now, if it is the site's own, lest that one win."""
    path = None if value is None else value.evidence.path
    if path is not None and path.startswith("/etc/"):
        return path
    is_later = path is not None and path.rpartition("/")[2] > otherwise.rpartition("/")[2]
    return LAST_SYSCTL_FILE if is_later else otherwise

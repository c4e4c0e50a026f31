"""Kernel modules of virtualization: their parameters now, and the options they are loaded with."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import values_at
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading

_PARAMETERS = (
    "kvm_intel/nested",
    "kvm_amd/nested",
    "kvm_hv/nested",
    "kvm/nested",
    "vfio/enable_unsafe_noiommu_mode",
    "vfio_iommu_type1/allow_unsafe_interrupts",
)
# In the order in which modprobe lets a name in one directory mask the same name in the next.
_DIRECTORIES = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_SINGLE = "/etc/modprobe.conf"
OWN_MODULES_FILE = "/etc/modprobe.d/zz-virt-warden.conf"
_TRUE = ("1", "y", "yes", "on", "true")


def is_true(value: str) -> bool:
    """Whether a module parameter's value means yes."""
    return value.strip().lower() in _TRUE


@dataclass(frozen=True, slots=True)
class Modules:
    """`parameters` hold now, `options` will at the next load; both by `module/parameter`. A parameter that is
    not there belongs to a module that is not loaded. `refusal` says why the options could not be read."""

    parameters: dict[str, Value] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    options: dict[str, Value] = field(default_factory=dict)
    refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(f"/sys/module/{name.replace('/', '/parameters/')}") for name in _PARAMETERS),
        *(reading(f"{directory}/*.conf") for directory in _DIRECTORIES),
        reading(_SINGLE),
    )

    def parameter(self, name: str) -> Value:
        """What holds now. Raises `Absent` where the module is not loaded, `Unknown` where it cannot be told."""
        if name in self.parameters:
            return self.parameters[name]
        if name in self.unread:
            raise Unknown(self.unread[name])
        raise Absent(f"module {name.partition('/')[0]} is not loaded or has no such parameter")

    def option(self, name: str) -> Value | None:
        """What is set for the next load; None where nothing is. Raises `Unknown`."""
        if self.refusal:
            raise Unknown(f"options of kernel modules: {self.refusal}")
        return self.options.get(name)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read /sys/module and modprobe's files; either may be refused without the other."""
        paths = {f"/sys/module/{name.replace('/', '/parameters/')}": name for name in _PARAMETERS}
        values, refusals = values_at(host.source, paths, ("0", "1", "Y", "N", "y", "n"))
        parameters = {paths[path]: value for path, value in values.items()}
        unread = {paths[path]: refusal for path, refusal in refusals.items()}
        try:
            return cls(parameters, unread, _options(host.source))
        except Unknown as refused:
            return cls(parameters, unread, {}, str(refused))


def _options(source: Source) -> dict[str, Value]:
    """All options; of two for one parameter the kernel takes the last."""
    by_name: dict[str, str] = {}
    for directory in reversed(_DIRECTORIES):
        by_name.update({path.rpartition("/")[2]: path for path in source.glob(f"{directory}/*.conf")})
    options: dict[str, Value] = {}
    for path in (_SINGLE, *(by_name[name] for name in sorted(by_name))):
        try:
            options.update(_of_file(source.read(path)))
        except Absent:
            continue
    return options


def _of_file(text: Text) -> Iterator[tuple[str, Value]]:
    for number, line in enumerate(text.lines, 1):
        words = _words(line)
        if len(words) < 3 or words[0] != "options":
            continue
        for word in words[2:]:
            key, _, value = word.partition("=")
            yield f"{words[1].replace('-', '_')}/{key}", Value(value or "1", text.cite(number))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()

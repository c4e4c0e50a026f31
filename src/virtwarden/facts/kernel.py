"""The kernel's settings: sysctls and the boot line, as configured and as they hold now."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, looking, reading, running
from virtwarden.model import Evidence

# In the order in which systemd-sysctl lets a name in one directory mask the same name in the next.
_SYSCTL_DIRECTORIES = (
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
)
_SYSCTL_CONF = "/etc/sysctl.conf"
_SYSTEMD_SYSCTL = ("/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl")
_RC_SYSINIT = "/etc/rc.d/rc.sysinit"
LAST_SYSCTL_FILE = "/etc/sysctl.d/zz-virt-warden.conf"
"""Read after all that packages bring, where a file of ours with a number does not come late enough."""
_DENIED = re.compile(r"permission denied on key '([^']+)'")
_ASSIGNMENT = re.compile(r"^\s*-?\s*([^#;=\s][^=\s]*)\s*=\s*(.*?)\s*$")

_CMDLINE = "/proc/cmdline"
_BOOT_FILES = (
    "/boot/loader/entries/*.conf",
    "/boot/efi/loader/entries/*.conf",
    "/efi/loader/entries/*.conf",
    "/etc/kernel/cmdline",
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/grub/grub.cfg",
    "/boot/efi/EFI/*/grub.cfg",
    "/boot/grub/menu.lst",
    "/boot/grub/grub.conf",
)
# RHEL 8 keeps the arguments that all entries share here, and the entries say $kernelopts.
_SHARED = ("/boot/grub2/grubenv", "/boot/efi/EFI/*/grubenv")
_SHARED_NAME = "$kernelopts"
_BOOT_LINE = re.compile(r"^\s*(?:linux(?:16|efi)?|kernel)\s+(.*)$")
_GRUB_DEFAULT = re.compile(r"""^\s*GRUB_CMDLINE_LINUX(?:_DEFAULT)?\s*\+?=\s*(["']?)(.*)\1\s*$""")


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it was read."""

    value: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Sysctls:
    """`in_force` is what the kernel answered, by dotted name; None where it could not be asked. `on_disk` is
    what the files set at boot, the last file to set a key winning, in the order in which they do. `hidden` are
    keys that the kernel would not tell."""

    in_force: dict[str, str] | None
    answer: Evidence | None = None
    on_disk: dict[str, Value] | None = None
    refusal: str = ""
    hidden: frozenset[str] = frozenset()

    wants: ClassVar[tuple[Want, ...]] = (
        running("sysctl", "-a"),
        reading(_SYSCTL_CONF),
        *(looking(path) for path in (*_SYSTEMD_SYSCTL, _RC_SYSINIT)),
        *(reading(f"{directory}/*.conf") for directory in _SYSCTL_DIRECTORIES),
    )

    def effective(self, key: str) -> Value:
        """The value that holds now. Raises `Absent` where this kernel has no such key, `Unknown` where it
        could not be asked."""
        if self.in_force is None or self.answer is None:
            raise Unknown(f"sysctl {key}: {self.refusal}")
        if key in self.hidden:
            raise Unknown(f"sysctl {key}: permission denied", self.answer)
        if key not in self.in_force:
            raise Absent(f"this kernel has no sysctl {key}", self.answer)
        value = self.in_force[key]
        evidence = Evidence(f"{key} = {value}", argv=self.answer.argv, code=self.answer.code, at=self.answer.at)
        return Value(value, evidence)

    def configured(self, key: str) -> Value | None:
        """The value that the files set at boot, by the key's own name or else by a pattern; None where no file
        sets it."""
        return next((value for _, value in self._set_to(key)), None)

    def set_last(self, *keys: str) -> tuple[str, Value] | None:
        """Of several names for one switch the one that a file sets last; None where no file sets any."""
        found = [pair for key in keys for pair in self._set_to(key)[:1]]
        order = list(self.on_disk or ())
        return max(found, key=lambda pair: order.index(pair[0]), default=None)

    def _set_to(self, key: str) -> list[tuple[str, Value]]:
        if self.on_disk is None:
            raise Unknown(f"sysctl {key}: {self.refusal}")
        if key in self.on_disk:
            return [(key, self.on_disk[key])]
        return [pair for pair in reversed(self.on_disk.items()) if _is_pattern_of(pair[0], key)]

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel and read the files; either may be refused without the other."""
        refusal = ""
        in_force: dict[str, str] | None = None
        answer: Evidence | None = None
        hidden: frozenset[str] = frozenset()
        try:
            output = host.source.run("sysctl", "-a")
            in_force = dict(_assignments(output.stdout))
            answer = output.cite("")
            hidden = frozenset(map(sysctl_key, _DENIED.findall(output.stderr)))
        except (Absent, Unknown) as refused:
            refusal = str(refused)
        on_disk: dict[str, Value] | None = None
        try:
            on_disk = _configured(host.source)
        except Unknown as refused:
            refusal = str(refused)
        return cls(in_force or None, answer, on_disk, refusal or "sysctl -a answered nothing", hidden)


def sysctl_key(written: str) -> str:
    """The dotted name of a key that may be written with slashes."""
    first = re.search(r"[./]", written)
    if first is not None and first.group() == "/":
        return written.replace(".", "\0").replace("/", ".").replace("\0", "/")
    return written


def _assignments(text: str) -> Iterable[tuple[str, str]]:
    for line in text.splitlines():
        found = _ASSIGNMENT.match(line)
        if found is not None:
            yield sysctl_key(found.group(1)), " ".join(found.group(2).split())


def _is_pattern_of(pattern: str, key: str) -> bool:
    """Whether a key with `*` in its parts, as systemd-sysctl takes it, means this one."""
    parts, wanted = pattern.split("."), key.split(".")
    return "*" in pattern and len(parts) == len(wanted) and all(map(fnmatchcase, wanted, parts))


def _configured(source: Source) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for path in _in_order(source):
        try:
            text = source.read(path)
        except Absent:
            continue
        for number, line in enumerate(text.lines, 1):
            found = _ASSIGNMENT.match(line)
            if found is not None:
                key = sysctl_key(found.group(1))
                values.pop(key, None)
                values[key] = Value(" ".join(found.group(2).split()), text.cite(number))
    return values


def _in_order(source: Source) -> list[str]:
    """The files that are read at boot. systemd reads /etc/sysctl.conf only where a link among the others leads
    there, in the place of that link; Red Hat's scripts of old read it first, other systems last."""
    by_name: dict[str, str] = {}
    for directory in reversed(_SYSCTL_DIRECTORIES):
        by_name.update({path.rpartition("/")[2]: path for path in source.glob(f"{directory}/*.conf")})
    paths = [_linked(source, by_name[name]) for name in sorted(by_name)]
    if _SYSCTL_CONF in paths or any(_is_there(source, path) for path in _SYSTEMD_SYSCTL):
        return paths
    return [_SYSCTL_CONF, *paths] if _is_there(source, _RC_SYSINIT) else [*paths, _SYSCTL_CONF]


def _linked(source: Source, path: str) -> str:
    return _SYSCTL_CONF if _real(source, path) == _SYSCTL_CONF else path


def _is_there(source: Source, path: str) -> bool:
    try:
        source.stat(path)
    except (Absent, Unknown):
        return False
    return True


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One kernel line that the boot loader may take, or a template for such lines (`is_template`)."""

    arguments: tuple[str, ...]
    evidence: Evidence
    is_template: bool

    def value(self, name: str) -> str | None:
        """The last value of an argument, "" for one without; None where it is not given."""
        return _argument(self.arguments, name)


@dataclass(frozen=True, slots=True)
class Boot:
    """The boot line that holds, None where it could not be read, and those that are configured. `unread` says
    which file of the boot loader's own was refused."""

    in_force: BootEntry | None
    entries: tuple[BootEntry, ...]
    refusal: str = ""
    unread: str = ""

    wants: ClassVar[tuple[Want, ...]] = (reading(_CMDLINE), *(reading(path) for path in (*_BOOT_FILES, *_SHARED)))

    def running(self) -> BootEntry:
        """The line with which the kernel was started. Raises `Unknown`."""
        if self.in_force is None:
            raise Unknown(f"the boot line in force: {self.refusal}")
        return self.in_force

    def configured(self) -> tuple[BootEntry, ...]:
        """The lines for the next start: the boot loader's own, else the templates. Raises `Unknown`."""
        real = tuple(entry for entry in self.entries if not entry.is_template)
        if self.unread and not real:
            raise Unknown(f"the lines of the boot loader: {self.unread}")
        if not self.entries:
            raise Unknown(
                f"no boot loader configuration could be read{': ' if self.refusal else ''}{self.refusal}"
            )
        return real or self.entries

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read /proc/cmdline and every boot loader's files."""
        refusal = unread = ""
        in_force: BootEntry | None = None
        try:
            text = host.source.read(_CMDLINE)
            in_force = BootEntry(tuple(text.text.split()), text.cite(1), is_template=False)
        except (Absent, Unknown) as refused:
            refusal = str(refused)
        entries: list[BootEntry] = []
        shared = _shared_arguments(host.source)
        seen: set[str] = set()
        for pattern in _BOOT_FILES:
            try:
                for path in host.source.glob(pattern):
                    real = _real(host.source, path)
                    if real not in seen:
                        seen.add(real)
                        entries.extend(_boot_entries(host.source.read(path), shared))
            except Absent as absent:
                refusal = refusal or str(absent)
            except Unknown as refused:
                refusal = refusal or str(refused)
                unread = unread or ("" if pattern.startswith("/etc/") else str(refused))
        return cls(in_force, tuple(entries), refusal, unread)


def _real(source: Source, path: str) -> str:
    """Where a file lies: menu.lst and grub.conf are often one, and so are sysctl.conf and one in sysctl.d."""
    try:
        return source.stat(path).real
    except (Absent, Unknown):
        return path


def _shared_arguments(source: Source) -> str:
    """What $kernelopts stands for; itself where that cannot be read."""
    for pattern in _SHARED:
        try:
            for path in source.glob(pattern):
                found = re.search(r"^kernelopts=(.*)$", source.read(path).text, re.MULTILINE)
                if found is not None:
                    return found.group(1)
        except (Absent, Unknown):
            continue
    return _SHARED_NAME


def _boot_entries(text: Text, shared: str) -> Iterable[BootEntry]:
    if "/loader/entries/" in text.path:
        yield from _loader_entry(text, shared)
        return
    is_default = text.path.startswith("/etc/")
    for number, line in enumerate(text.lines, 1):
        if text.path == "/etc/kernel/cmdline":
            arguments = line
        elif is_default:
            found = _GRUB_DEFAULT.match(line)
            arguments = "" if found is None else found.group(2)
            if found is None:
                continue
        else:
            kernel = _BOOT_LINE.match(line)
            if kernel is None or "memtest" in line:
                continue
            arguments = kernel.group(1).replace(_SHARED_NAME, shared)
        if text.path == "/etc/kernel/cmdline" and not line.strip():
            continue
        yield BootEntry(tuple(_split(arguments)), text.cite(number), is_template=is_default)


def _loader_entry(text: Text, shared: str) -> Iterable[BootEntry]:
    """A file of the boot loader specification is one entry: its kernel, and its `options` lines together."""
    said = {number: line.split(None, 1) for number, line in enumerate(text.lines, 1) if line.strip()}
    kernels = [number for number, words in said.items() if words[0] in ("linux", "efi", "uki")]
    options = [number for number, words in said.items() if words[0] == "options"]
    if not kernels and not options:
        return
    arguments = " ".join(said[number][1] for number in options if len(said[number]) > 1)
    yield BootEntry(
        tuple(_split(arguments.replace(_SHARED_NAME, shared))),
        text.cite((options or kernels)[0]),
        is_template=False,
    )


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _argument(arguments: tuple[str, ...], name: str) -> str | None:
    wanted = name.replace("-", "_")
    found: str | None = None
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key.replace("-", "_") == wanted:
            found = value
    return found

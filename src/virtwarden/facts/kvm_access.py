"""Who may open /dev/kvm, and who may plug a network card into a bridge through QEMU's helper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.host import Absent, Host, Source, Stat, Text, Unknown, Want, first_present, looking, reading

KVM = "/dev/kvm"
# In the order in which udev lets a name in one directory mask the same name in the next.
_RULES = (
    "/etc/udev/rules.d/*.rules",
    "/run/udev/rules.d/*.rules",
    "/usr/local/lib/udev/rules.d/*.rules",
    "/usr/lib/udev/rules.d/*kvm*.rules",
    "/usr/lib/udev/rules.d/50-udev*.rules",
    "/lib/udev/rules.d/*kvm*.rules",
    "/lib/udev/rules.d/50-udev*.rules",
)
_FOR_KVM = re.compile(r'(?:^|[\s,])KERNEL=="(?:[^"]*\|)?kvm(?:\|[^"]*)?"')
_MODE = re.compile(r'(?:^|[\s,])MODE:?="(0?[0-7]{3})"')

_HELPERS = (
    "/usr/lib/qemu/qemu-bridge-helper",
    "/usr/libexec/qemu-bridge-helper",
    "/usr/lib/qemu-bridge-helper",
    "/usr/libexec/qemu/qemu-bridge-helper",
)
_LISTS = ("/etc/qemu/bridge.conf", "/etc/qemu-kvm/bridge.conf")


@dataclass(frozen=True, slots=True)
class KvmDevice:
    """`node` is the device now, `rule` the mode that udev will give it, `refusals` why either is not known."""

    node: Stat | None = None
    rule: Value | None = None
    node_refusal: str = ""
    rule_refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (looking(KVM), *(reading(pattern) for pattern in _RULES))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at the device and read udev's rules; either may be refused without the other."""
        node: Stat | None = None
        node_refusal = rule_refusal = ""
        rule: Value | None = None
        try:
            node = host.source.stat(KVM)
        except Absent:
            pass  # no node is an answer: None without a refusal
        except Unknown as refused:
            node_refusal = str(refused)
        try:
            rule = _rule(host.source)
            rule_refusal = "" if rule is not None else "no rule of udev for it was found"
        except Unknown as refused:
            rule_refusal = str(refused)
        return cls(node, rule, node_refusal, rule_refusal)


def _rule(source: Source) -> Value | None:
    """The last mode that a rule gives the device."""
    by_name: dict[str, str] = {}
    for pattern in reversed(_RULES):
        by_name.update({path.rpartition("/")[2]: path for path in source.glob(pattern)})
    found: Value | None = None
    for name in sorted(by_name):
        try:
            text = source.read(by_name[name])
        except Absent:
            continue
        found = _last_mode(text) or found
    return found


def _last_mode(text: Text) -> Value | None:
    found: Value | None = None
    for number, line in enumerate(text.lines, 1):
        mode = _MODE.search(line)
        if mode is not None and not line.lstrip().startswith("#") and _FOR_KVM.search(line):
            found = Value(mode.group(1), text.cite(number))
    return found


@dataclass(frozen=True, slots=True)
class Permit:
    """One line of a list of bridges: allow or deny, and a bridge's name or `all`."""

    verb: str
    bridge: str
    value: Value
    path: str


@dataclass(frozen=True, slots=True)
class BridgeHelper:
    """The helper, None where there is none; its list of bridges with who may write it."""

    helper: Stat | None
    permits: tuple[Permit, ...] = ()
    lists: tuple[Stat, ...] = ()
    unread: tuple[str, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(looking(path) for path in _HELPERS),
        *(reading(path) for path in _LISTS),
    )

    @property
    def is_setuid(self) -> bool:
        """Whether the helper acts as root for whoever starts it."""
        return self.helper is not None and bool(self.helper.mode & 0o4000) and self.helper.uid == 0

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look for the helper and read its lists, those that they include too."""
        helper: Stat | None
        try:
            helper = first_present(host.source, *_HELPERS)
        except Absent:
            helper = None
        permits: list[Permit] = []
        lists: list[Stat] = []
        unread: list[str] = []
        seen: set[str] = set()
        pending: tuple[str, ...] = _LISTS
        while pending:
            seen.update(pending)
            included = _take(host.source, pending, permits, lists, unread)
            pending = tuple(path for path in dict.fromkeys(included) if path not in seen)
            host.source.fetch(reading(path) for path in pending)
        return cls(helper, tuple(permits), tuple(lists), tuple(unread))


def _take(
    source: Source, paths: tuple[str, ...], permits: list[Permit], lists: list[Stat], unread: list[str]
) -> tuple[str, ...]:
    """Read lists of bridges; the lists that they include."""
    included: list[str] = []
    for path in paths:
        try:
            text = source.read(path)
            lists.append(source.stat(path))
        except Absent:
            continue
        except Unknown as refused:
            unread.append(str(refused))
            continue
        for number, line in enumerate(text.lines, 1):
            words = line.partition("#")[0].split()
            if len(words) == 2 and words[0] == "include":
                included.append(words[1])
            elif len(words) == 2:
                permits.append(Permit(words[0], words[1], Value(line.strip(), text.cite(number)), path))
    return tuple(included)

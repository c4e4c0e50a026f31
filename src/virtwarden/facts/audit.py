"""The kernel's audit system: its state, its daemon's settings, and its rules on disk, compiled and loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.formats import keyvalue
from virtwarden.formats.auditrules import Rule, Rules, listing, parse
from virtwarden.formats.digits import signed
from virtwarden.host import Absent, Host, Output, Source, Text, Unknown, Want, reading, running
from virtwarden.model import Evidence

_STATUS = ("auditctl", "-s")
_LIST = ("auditctl", "-l")
_SOURCES = "/etc/audit/rules.d/*.rules"
COMPILED = "/etc/audit/audit.rules"
AUDITD_CONF = "/etc/audit/auditd.conf"
_LSM = "/sys/kernel/security/lsm"
_FIELD = re.compile(r"([a-z_]+)[ =](\S+)")


@dataclass(frozen=True, slots=True)
class AuditStatus:
    """What `auditctl -s` says: enabled (0, 1, 2 locked), pid of the daemon, backlog_limit, lost …"""

    fields: dict[str, int]
    output: Output

    wants: ClassVar[tuple[Want, ...]] = (running(*_STATUS),)

    def number(self, name: str) -> int:
        """A field's value. Raises `Unknown` where auditctl did not name it."""
        if name not in self.fields:
            raise Unknown(f"auditctl -s does not tell {name}", self.output.cite())
        return self.fields[name]

    def cite(self, name: str) -> Evidence:
        """Evidence for one field."""
        return self.output.cite(f"{name} {self.fields.get(name, '(not told)')}")

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel; only root may. Raises `Absent` where the tools are not installed."""
        output = _answered(host.source, _STATUS)
        found = _FIELD.findall(output.stdout.replace("AUDIT_STATUS:", ""))
        numbers = ((name, signed(value)) for name, value in found)
        fields = {name: number for name, number in numbers if number is not None}
        if "enabled" not in fields:
            raise Unknown("auditctl -s does not tell whether auditing is enabled", output.cite())
        return cls(fields, output)


@dataclass(frozen=True, slots=True)
class RulesFile:
    """A rules file and what stands in it."""

    text: Text
    rules: Rules

    def cite(self, line: int) -> Evidence:
        """One of its lines."""
        return self.text.cite(line)


@dataclass(frozen=True, slots=True)
class AuditRules:
    """The rules where an administrator writes them (`sources`), where they are put together (`compiled`) and as
    the kernel holds them (`loaded`). On hosts without rules.d the compiled file is the source.

    Absent parts are None; refused ones are named in `refusals` by part.
    """

    sources: tuple[RulesFile, ...]
    compiled: RulesFile | None
    loaded: Rules | None
    listing: Output | None
    lsm: str | None = None
    refusals: dict[str, str] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = (reading(_SOURCES), reading(COMPILED), running(*_LIST), reading(_LSM))

    @property
    def written(self) -> tuple[RulesFile, ...]:
        """The files that hold the rules for the next load. Raises `Unknown` where they were refused."""
        for part in ("sources", "compiled"):
            if part in self.refusals:
                raise Unknown(f"the audit rules on disk: {self.refusals[part]}")
        if self.sources:
            return self.sources
        return () if self.compiled is None else (self.compiled,)

    def in_order(self) -> Iterator[tuple[RulesFile, Rule]]:
        """Every rule on disk with its file, in the order of loading."""
        for file in self.written:
            for rule in file.rules.rules:
                yield file, rule

    def in_force(self) -> tuple[Rules, Output]:
        """The loaded rules. Raises `Unknown`."""
        if self.loaded is None or self.listing is None:
            raise Unknown(f"the audit rules in force: {self.refusals.get('loaded', 'auditctl is not installed')}")
        return self.loaded, self.listing

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files and ask the kernel. Raises `Absent` on a host without any of it."""
        source = host.source
        refusals: dict[str, str] = {}
        sources: tuple[RulesFile, ...] = ()
        try:
            sources = tuple(_file(source, path) for path in source.glob(_SOURCES))
        except (Absent, Unknown) as refused:
            refusals["sources"] = str(refused)
        compiled: RulesFile | None = None
        try:
            compiled = _file(source, COMPILED)
        except Absent:
            pass
        except Unknown as refused:
            refusals["compiled"] = str(refused)
        listed: Output | None = None
        try:
            listed = _answered(source, _LIST)
        except (Absent, Unknown) as refused:
            refusals["loaded"] = str(refused)
        if not sources and compiled is None and listed is None and not _unknown(refusals):
            raise Absent("the audit system is not installed")
        loaded = None if listed is None else listing(listed.stdout)
        return cls(sources, compiled, loaded, listed, _lsm(source), refusals)


def _unknown(refusals: dict[str, str]) -> bool:
    return any("is not installed" not in reason for reason in refusals.values())


def _file(source: Source, path: str) -> RulesFile:
    text = source.read(path)
    return RulesFile(text, parse(text.text))


def _answered(source: Source, argv: tuple[str, ...]) -> Output:
    output = source.run(*argv)
    if output.code != 0:
        raise Unknown(f"{' '.join(argv)} was refused: {output.cite().text}", output.cite())
    return output


def _lsm(source: Source) -> str | None:
    """selinux, apparmor or none; None where it cannot be told."""
    try:
        modules = source.read(_LSM).text.strip().split(",")
    except (Absent, Unknown):
        return None
    return next((name for name in ("selinux", "apparmor") if name in modules), "none")


@dataclass(frozen=True, slots=True)
class AuditdConf:
    """/etc/audit/auditd.conf: how much of the log is kept, and what happens when there is no more room."""

    text: Text
    pairs: tuple[keyvalue.Pair, ...]

    wants: ClassVar[tuple[Want, ...]] = (reading(AUDITD_CONF),)

    def value(self, key: str) -> str | None:
        """A setting in lower case; None where it is not set."""
        found = keyvalue.last(self.pairs, key)
        return None if found is None else found.value.lower()

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        found = keyvalue.last(self.pairs, key)
        return self.text.cite(text=f"{key} is not set") if found is None else self.text.cite(found.line)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it. Raises `Absent` where auditd is not installed."""
        try:
            text = host.source.read(AUDITD_CONF)
        except Absent:
            raise Absent("auditd is not installed") from None
        return cls(text, keyvalue.settings(text.text))

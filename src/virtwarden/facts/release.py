"""Which release of which distribution the host runs, and until when it gets security updates.

The days are those on which the free, general support of a release ends as its maker announced it; where a
maker's long-term team carries on for everybody (Debian LTS), theirs. Extended support that a site pays for is
not in here. Sources: Red Hat's, CentOS', AlmaLinux', Rocky's, Oracle's, Fedora's, Debian's, Ubuntu's and
SUSE's life-cycle pages.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Self

from virtwarden.formats.digits import whole
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_OLD = ("/etc/centos-release", "/etc/oracle-release", "/etc/redhat-release", "/etc/SuSE-release")
_OLD_NAMES = {
    "Red Hat Enterprise Linux": "rhel",
    "CentOS": "centos",
    "Oracle Linux": "ol",
    "Fedora": "fedora",
    "SUSE Linux Enterprise Server": "sles",
    "openSUSE": "opensuse-leap",
}
ROLLING = ("opensuse-tumbleweed", "arch", "gentoo", "void", "nixos")

_RHEL = {
    "5": date(2017, 3, 31),
    "6": date(2020, 11, 30),
    "7": date(2024, 6, 30),
    "8": date(2029, 5, 31),
    "9": date(2032, 5, 31),
    "10": date(2035, 5, 31),
}
ENDS: dict[str, dict[str, date]] = {
    "rhel": _RHEL,
    "almalinux": {version: _RHEL[version] for version in ("8", "9", "10")},
    "rocky": {version: _RHEL[version] for version in ("8", "9", "10")},
    "centos": {
        "5": date(2017, 3, 31),
        "6": date(2020, 11, 30),
        "7": date(2024, 6, 30),
        "8": date(2021, 12, 31),
    },
    "centos-stream": {"8": date(2024, 5, 31), "9": date(2027, 5, 31), "10": date(2030, 5, 31)},
    "ol": {
        "6": date(2021, 3, 31),
        "7": date(2024, 12, 31),
        "8": date(2029, 7, 31),
        "9": date(2032, 6, 30),
        "10": date(2035, 6, 30),
    },
    "fedora": {
        "39": date(2024, 11, 26),
        "40": date(2025, 5, 13),
        "41": date(2025, 12, 15),
        "42": date(2026, 5, 13),
        "43": date(2026, 12, 9),
    },
    "debian": {
        "8": date(2020, 6, 30),
        "9": date(2022, 6, 30),
        "10": date(2024, 6, 30),
        "11": date(2026, 8, 31),
        "12": date(2028, 6, 30),
        "13": date(2030, 6, 30),
    },
    "ubuntu": {
        "14.04": date(2019, 4, 25),
        "16.04": date(2021, 4, 30),
        "18.04": date(2023, 5, 31),
        "20.04": date(2025, 5, 31),
        "22.04": date(2027, 4, 30),
        "23.10": date(2024, 7, 11),
        "24.04": date(2029, 5, 31),
        "24.10": date(2025, 7, 10),
        "25.04": date(2026, 1, 15),
        "25.10": date(2026, 7, 31),
    },
    "sles": {
        "11": date(2019, 3, 31),
        "12": date(2016, 6, 30),
        "12.1": date(2017, 5, 31),
        "12.2": date(2018, 3, 31),
        "12.3": date(2019, 6, 30),
        "12.4": date(2020, 6, 30),
        "12.5": date(2024, 10, 31),
        "15": date(2019, 12, 31),
        "15.1": date(2021, 1, 31),
        "15.2": date(2021, 12, 31),
        "15.3": date(2022, 12, 31),
        "15.4": date(2023, 12, 31),
        "15.5": date(2024, 12, 31),
        "15.6": date(2025, 12, 31),
        "15.7": date(2031, 7, 31),
        "16.0": date(2027, 11, 30),
    },
    "opensuse-leap": {
        "42.3": date(2019, 6, 30),
        "15.0": date(2019, 12, 3),
        "15.1": date(2021, 2, 2),
        "15.2": date(2022, 1, 4),
        "15.3": date(2022, 12, 31),
        "15.4": date(2023, 12, 7),
        "15.5": date(2024, 12, 31),
        "15.6": date(2026, 4, 30),
        "16.0": date(2027, 10, 31),
    },
}


@dataclass(frozen=True, slots=True)
class Release:
    """The distribution's id as os-release spells it (`centos-stream` for CentOS Stream), its version, its name
    for people."""

    id: str
    version: str
    name: str
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(path) for path in (*_OS_RELEASE, *_OLD))

    @property
    def ends(self) -> date | None:
        """The last day with security updates; None where it is not known here."""
        known = ENDS.get(self.id, {})
        if self.version in known:
            return known[self.version]
        major = self.version.partition(".")[0]
        by_major = major in known and not any(version.startswith(f"{major}.") for version in known)
        return known[major] if by_major else self._long_ended(known)

    def _long_ended(self, known: dict[str, date]) -> date | None:
        """A release older than all that are known ended before them; the first of their ends is late enough."""
        number = _number(self.version)
        if not known or number is None:
            return None
        oldest = min(known, key=lambda version: _number(version) or (0,))
        return known[oldest] if number < (_number(oldest) or (0,)) else None

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read os-release, or the files that came before it. Raises `Unknown` where there is none."""
        text = _first(host.source, _OS_RELEASE)
        if text is not None:
            return cls(*_modern(text))
        text = _first(host.source, _OLD)
        if text is None:
            raise Unknown("no file names the distribution's release")
        return cls(*_old(text))


def _first(source: Source, paths: tuple[str, ...]) -> Text | None:
    for path in paths:
        try:
            return source.read(path)
        except Absent:
            continue
    return None


def _modern(text: Text) -> tuple[str, str, str, Evidence]:
    fields: dict[str, str] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(text.lines, 1):
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            fields[key] = _unquoted(value)
            line_of[key] = number
    name = fields.get("PRETTY_NAME") or fields.get("NAME") or "an unnamed distribution"
    distribution = fields.get("ID", "linux")
    if distribution == "centos" and "Stream" in name + fields.get("NAME", ""):
        distribution = "centos-stream"
    decisive = line_of.get("PRETTY_NAME") or line_of.get("VERSION_ID") or 1
    return distribution, fields.get("VERSION_ID", ""), name, text.cite(decisive)


def _unquoted(value: str) -> str:
    try:
        return shlex.split(value)[0]
    except (ValueError, IndexError):
        return value


def _old(text: Text) -> tuple[str, str, str, Evidence]:
    name = text.lines[0].strip()
    distribution = next((found for words, found in _OLD_NAMES.items() if name.startswith(words)), "linux")
    version = re.search(r"\d+(?:\.\d+)*", name)
    level = re.search(r"^PATCHLEVEL\s*=\s*(\d+)", text.text, re.MULTILINE)
    number = version.group() if version is not None else ""
    return distribution, f"{number}.{level.group(1)}" if level else number, name, text.cite(1)


def _number(version: str) -> tuple[int, ...] | None:
    parts = [whole(part) for part in version.split(".")]
    known = tuple(part for part in parts if part is not None)
    return known if len(known) == len(parts) else None

"""systemd's units, and the System V services of older hosts: what is enabled and what runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Output, Source, Unknown, Want, looking, running
from virtwarden.model import Evidence

_FILES = ("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "--full")
_UNITS = ("systemctl", "list-units", "--all", "--no-legend", "--no-pager", "--plain", "--full")
_LINKS = (
    "/etc/systemd/system/*.wants/*",
    "/etc/systemd/system/*.requires/*",
    "/etc/rc.d/rc3.d/S*",
    "/etc/rc3.d/S*",
)
_MASKS = "/etc/systemd/system/*"

_ON = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "linked")


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with a word for its state and where it was read."""

    name: str
    state: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Units:
    """`files` are unit files with their states (enabled, disabled, masked, static …), `active` the units that
    are loaded with theirs (active, inactive, failed); None where that could not be asked."""

    files: dict[str, Unit]
    active: dict[str, Unit] | None = None
    refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (
        running(*_FILES),
        running(*_UNITS),
        *(looking(pattern) for pattern in _LINKS),
        looking(_MASKS),
    )

    def listed(self, words: str) -> Evidence:
        """What the list of unit files says as a whole, in words: that something is not in it."""
        first = next((unit.evidence for unit in self.files.values()), Evidence(""))
        links, system, _ = (first.path or "").partition("/system/")
        place = first.path and (f"{links}/system" if system else links.rpartition("/")[0])
        return Evidence(words, place, None, first.argv, first.code, first.at)

    def enabled(self, name: str) -> Unit | None:
        """The unit if it starts at boot or on demand; None if it does not."""
        unit = self.files.get(name)
        return unit if unit is not None and unit.state in _ON else None

    def running(self, name: str) -> Unit | None:
        """The unit if it is active now; None if it is not. Raises `Unknown`."""
        if self.active is None:
            raise Unknown(f"whether {name} runs: {self.refusal}")
        unit = self.active.get(name)
        return unit if unit is not None and unit.state == "active" else None

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask systemctl; read the links of enabled units where it cannot be asked."""
        active: dict[str, Unit] | None = None
        refusal = ""
        try:
            active = _parsed(_answered(host.source, _UNITS), 2)
        except (Absent, Unknown) as refused:
            refusal = str(refused)
        try:
            return cls(_parsed(_answered(host.source, _FILES), 1), active, refusal)
        except (Absent, Unknown) as refused:
            return cls(_linked(host.source), active, refusal or str(refused))


def _answered(source: Source, argv: tuple[str, ...]) -> Output:
    output = source.run(*argv)
    if output.code != 0 or not output.stdout.strip():
        raise Unknown(f"systemctl does not answer: {output.cite().text}", output.cite())
    return output


def _parsed(output: Output, column: int) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in output.stdout.splitlines():
        words = line.split()
        if len(words) > column:
            units[words[0]] = Unit(words[0], words[column], output.cite(" ".join(words[:4])))
    return units


def _linked(source: Source) -> dict[str, Unit]:
    """What the links of an installation say; raises `Unknown` where they cannot be listed."""
    units: dict[str, Unit] = {}
    for pattern in _LINKS:
        for path in source.glob(pattern):
            name = path.rpartition("/")[2]
            if pattern.startswith("/etc/rc"):
                name = name.lstrip("S0123456789") + ".service"
            units[name] = Unit(name, "enabled", Evidence("enabled by this link", path=path))
    for path in source.glob(_MASKS):
        name = path.rpartition("/")[2]
        if "." not in name or name.endswith((".wants", ".requires", ".d")):
            continue
        try:
            if source.stat(path).real == "/dev/null":
                units[name] = Unit(name, "masked", Evidence("masked by a link to /dev/null", path=path))
        except (Absent, Unknown):
            continue
    return units

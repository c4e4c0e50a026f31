"""What makes a unit of systemd's enabled: the links that its [Install] section asks for, and the word for that.

Read from the unit files themselves, so that it holds as well for a system that does not run. Sources:
systemd.unit(5), systemctl(1), systemd's src/shared/install.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from virtwarden.formats import Malformed, ini
from virtwarden.stores import links

ETC = "/etc/systemd/system"
RUN = "/run/systemd/system"
_LIBRARY = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SEARCHED = (ETC, RUN, *_LIBRARY)
_KEYS = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_DIRECTORY = re.compile(r"\.(?:wants|requires|upholds)\Z")
_TRIGGERS = (".socket", ".path", ".timer")
_NOWHERE = "/dev/null"


@dataclass(frozen=True, slots=True)
class Installation:
    """A unit: `name` without aliases, the file it is in, its links by path, and those that go with it. A template
    may ask for links that it has only by an instance."""

    name: str
    path: str
    wanted: dict[str, str]
    also: tuple[str, ...]
    asks: bool

    @property
    def mask(self) -> str:
        """The link that masks it."""
        return f"{ETC}/{self.name}"


def find(root: str, name: str) -> Installation | None:
    """The unit of this name or alias; None where no file is of it, masks aside."""
    for _ in range(10):
        path = _file_of(root, name)
        if path is None:
            return None
        target = (links.target_of(root, path) or name).rpartition("/")[2]
        if target in (name, _template(name)):
            return _read(root, name, path)
        name = target
    return None


def family(root: str, unit: Installation) -> dict[str, Installation]:
    """The unit, those its [Install] section names along with it, and those of its name that start it on demand."""
    found = {unit.name: unit}
    pending = [unit]
    while pending:
        each = pending.pop()
        for name in (*each.also, *_triggers(each.name)):
            other = find(root, name)
            if other is not None and other.name not in found:
                found[other.name] = other
                pending.append(other)
    return found


def enabling(root: str, unit: Installation) -> dict[str, str]:
    """The links that enable a unit and those that its [Install] section names along with it."""
    found: dict[str, str] = {}
    done: set[str] = set()
    pending = [unit]
    while pending:
        each = pending.pop()
        done.add(each.name)
        found |= each.wanted
        others = (find(root, name) for name in each.also)
        pending += [other for other in others if other is not None and other.name not in done]
    return found


def present(root: str, names: Iterable[str]) -> dict[str, str]:
    """The links of these units that are there: to what wants them, aliases and masks."""
    names = frozenset(names)
    found: dict[str, str] = {}
    for top in (ETC, RUN):
        for path in _listed(root, top):
            target = links.target_of(root, path)
            if target is not None and names & {path.rpartition("/")[2], target.rpartition("/")[2]}:
                found[path] = target
    return found


def word(unit: Installation, there: Mapping[str, str | None]) -> str:
    """The state of a unit in systemctl's word, by the links that are there; of an alias, that of what it stands
    for."""
    if there.get(unit.mask) == _NOWHERE:
        return "masked"
    if there.get(f"{RUN}/{unit.name}") == _NOWHERE:
        return "masked-runtime"
    made = [path for path, target in there.items() if target is not None and _enables(path, unit)]
    if any(path.startswith(ETC) for path in made):
        return "enabled"
    if made:
        return "enabled-runtime"
    if unit.mask in there and there[unit.mask] is not None:
        return "linked"
    if unit.asks:
        return "disabled"
    return "indirect" if unit.also else "static"


def _enables(path: str, unit: Installation) -> bool:
    directory, _, name = path.rpartition("/")
    return (name == unit.name and directory not in (ETC, RUN)) or path in unit.wanted


def _listed(root: str, top: str) -> Iterator[str]:
    for name in links.names_in(root, top):
        yield f"{top}/{name}"
        if _DIRECTORY.search(name):
            yield from (f"{top}/{name}/{each}" for each in links.names_in(root, f"{top}/{name}"))


def _file_of(root: str, name: str) -> str | None:
    """Where the unit is, by its first name in the order of search; masks are passed over."""
    for each in dict.fromkeys((name, _template(name))):
        for directory in _SEARCHED:
            path = f"{directory}/{each}"
            if links.target_of(root, path) != _NOWHERE and links.text_of(root, path) is not None:
                return path
    return None


def _read(root: str, name: str, path: str) -> Installation:
    entries = _install_section(root, name, path)
    prefix, _, instance = name.rpartition(".")[0].partition("@")
    if _template(name) == name and "@" in name:
        instance = next((v for k, v in entries if k == "DefaultInstance"), "")
    kind = name.rpartition(".")[2]
    full = f"{prefix}@{instance}.{kind}" if "@" in name else name
    told = {"n": full, "N": full.rpartition(".")[0], "p": prefix, "i": instance, "j": prefix.rpartition("-")[2]}
    values = [(key, _expanded(word, told)) for key, value in entries for word in value.split()]
    target = _spelt(root, path)
    wanted: dict[str, str] = {}
    for key, value in values:
        if "@." in full and "@." not in value:
            continue  # a template is enabled by way of an instance, or for each instance of another template
        if key in _KEYS:
            wanted[f"{ETC}/{value}.{_KEYS[key]}/{full}"] = target
        elif key == "Alias" and ("@" in full) == ("@" in value):  # else systemd itself refuses it
            wanted[f"{ETC}/{value}"] = target
    also = tuple(value for key, value in values if key == "Also")
    return Installation(name, path, wanted, also, any(key in _KEYS or key == "Alias" for key, _ in values))


def _install_section(root: str, name: str, path: str) -> list[tuple[str, str]]:
    drop_ins = {
        each: f"{directory}/{unit}.d/{each}"
        for unit in (_template(name), name)
        for directory in reversed(_SEARCHED)
        for each in links.names_in(root, f"{directory}/{unit}.d")
        if each.endswith(".conf")
    }
    found: list[tuple[str, str]] = []
    for place in (path, *(drop_ins[each] for each in sorted(drop_ins))):
        try:
            entries = ini.parse(links.text_of(root, place) or "")
        except Malformed:
            continue
        found += [(entry.key, entry.value) for entry in entries if entry.section == "Install"]
    return found


def _expanded(text: str, told: Mapping[str, str]) -> str:
    return re.sub(r"%(.)", lambda each: "%" if each[1] == "%" else told.get(each[1], each[0]), text)


def _template(name: str) -> str:
    stem, _, kind = name.rpartition(".")
    return f"{stem.partition('@')[0]}@.{kind}" if "@" in stem else name


def _triggers(name: str) -> Iterator[str]:
    stem, _, kind = name.rpartition(".")
    if kind == "service":
        yield from (stem + trigger for trigger in _TRIGGERS)


def _spelt(root: str, path: str) -> str:
    """The path of a unit file as this system's own links spell it, where /lib and /usr/lib are one directory."""
    if not path.startswith(_LIBRARY[1]) or links.target_of(root, "/lib") is None:
        return path
    theirs = (links.target_of(root, each) or "" for each in _listed(root, ETC))
    short = any(target.startswith(_LIBRARY[2]) for target in theirs)
    return path.removeprefix("/usr") if short else path

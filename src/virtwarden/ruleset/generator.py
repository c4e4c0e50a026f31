"""The rules that a host should have, made from its situation.

Daily work is left out by SELinux type where the policy is known to have the type: a rule that names an unknown one
never matches. Elsewhere a rule before it leaves the program out, but only while nobody is logged in (auid unset), for
anybody may run a program. `dir=` is for directories that are there when the rules are loaded; what every boot makes
anew is watched by its name, since the load ends at a directory that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from virtwarden.facts.audit import COMPILED
from virtwarden.facts.audit_actors import Doing
from virtwarden.formats import auditrules
from virtwarden.formats.auditrules import Rule
from virtwarden.ruleset.purposes import NEVER, purpose
from virtwarden.ruleset.situation import NEVER_FILE, VIRT_FILE, Place, Situation

_DEVICES = ("dir=/dev/pts", "path=/dev/ptmx", "path=/dev/kvm")
_LOGS = "/var/log/libvirt"
_UNSET = {False: "unset", True: "4294967295"}
"""How "nobody is logged in" is written, today and where rules are kept in one file: audit 1 knows no word for it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One generated rule: its line, the key of its records (empty for an exception), the path that it is for, and
    the file that has an equal one already."""

    line: str
    key: str
    path: str
    elsewhere: str = ""

    @property
    def rule(self) -> Rule:
        """The line as a rule."""
        (found,) = auditrules.parse(self.line).rules
        return found


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The exceptions, the rules, and what a reader should know of how they came about."""

    never: tuple[Made, ...]
    always: tuple[Made, ...]
    remarks: tuple[str, ...]
    in_one_file: bool = False

    def for_path(self, path: str) -> tuple[Made, ...]:
        """The rules for one path, in order; exceptions are not among them."""
        return tuple(each for each in self.always if each.path == path)

    def files(self) -> dict[str, str]:
        """The texts of our files by path; a file without rules is not among them. Where rules are kept in one file
        there is one text, what should stand there."""
        if self.in_one_file:
            parts = (_exceptions(self.never), _text(self.always, self.remarks))
            return {COMPILED: "\n".join(filter(None, parts))} if self.always else {}
        texts = {NEVER_FILE: _exceptions(self.never), VIRT_FILE: _text(self.always, self.remarks)}
        return {path: _OWN_FILE + text for path, text in texts.items() if text}


def rule_set(about: Situation) -> RuleSet:
    """The rules for a host in this situation."""
    if not about.places:
        return RuleSet((), (), ())
    always = _settled(about, (made for place in about.places for made in _always(about, place)))
    never = _settled(about, _never(about))
    return RuleSet(never, always, tuple(_remarks(about)), about.in_one_file)


def _always(about: Situation, place: Place) -> Iterator[Made]:
    watched = place.watched
    conditions = [f"-F {_at(place)}", f"-F perm={watched.perm}"]
    conditions += [f"-F subj_type!={each}" for each in _types(about, watched.usual)]
    if watched.by_people:
        conditions.append(f"-F auid!={_UNSET[about.in_one_file]}")
    for arch in about.arches or ("b64",):
        line = " ".join((f"-a always,exit -F arch={arch}", *conditions, f"-F key={watched.key}"))
        yield Made(line, watched.key, watched.path)


def _never(about: Situation) -> Iterator[Made]:
    emulator = about.doing.get("emulator", Doing())
    if any(place.watched.key == "virt_kvm_dev" for place in about.places):
        for device in _DEVICES:
            yield from _excepted(about, f"{device} -F perm=rw", emulator, device.partition("=")[2])
    for place in about.places:
        unnamed = [name for name in place.watched.usual if not _types(about, (name,))] if about.takes_exe else []
        tools = ["tools"] if unnamed and place.watched.key == "virt_image_change" else []
        for doer in (*unnamed, *tools):
            condition = f"{_at(place)} -F perm={place.watched.perm}"
            yield from _by_program(about, condition, about.doing.get(doer, Doing()), place.watched.path)
    if any(place.watched.path == _LOGS for place in about.places):
        for name in ("logrotate", "virtlogd"):
            for type_ in _types(about, (name,)):
                yield from _by_type(about, f"dir={_LOGS} -F perm=wa", type_, _LOGS)


def _excepted(about: Situation, condition: str, doer: Doing, path: str) -> Iterator[Made]:
    if about.selinux and doer.types:
        for type_ in doer.types:
            yield from _by_type(about, condition, type_, path)
    elif about.takes_exe:
        yield from _by_program(about, condition, doer, path)


def _by_type(about: Situation, condition: str, type_: str, path: str) -> Iterator[Made]:
    for arch in about.arches or ("b64",):
        yield Made(f"-a never,exit -F arch={arch} -F {condition} -F subj_type={type_}", "", path)


def _by_program(about: Situation, condition: str, doer: Doing, path: str) -> Iterator[Made]:
    """These programs are the host's own, so that they make its own kind of calls alone."""
    arch = (about.arches or ("b64",))[0]
    for program in doer.programs:
        yield Made(f"-a never,exit -F arch={arch} -F {condition} -F exe={program} -F auid=unset", "", path)


def _types(about: Situation, names: Iterable[str]) -> tuple[str, ...]:
    if not about.selinux:
        return ()
    return tuple(dict.fromkeys(type_ for name in names for type_ in about.doing.get(name, Doing()).types))


def _at(place: Place) -> str:
    return f"{'dir' if place.is_directory and not place.watched.made_at_boot else 'path'}={_escaped(place.real)}"


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(" ", "\\ ")


def _settled(about: Situation, made: Iterable[Made]) -> tuple[Made, ...]:
    """Each rule once; those that another file has are marked, since the load ends at a rule that is there twice."""
    once: dict[Rule, Made] = {}
    for each in made:
        rule = each.rule
        once.setdefault(rule, Made(each.line, each.key, each.path, about.elsewhere.get(rule, "")))
    return tuple(once.values())


def _remarks(about: Situation) -> Iterator[str]:
    if about.selinux:
        told = sorted({type_ for doing in about.doing.values() for type_ in doing.types})
        yield f"SELinux: types that this host's policy has: {', '.join(told)}." if told else _NO_TYPES
    else:
        yield f"{_MODULES.get(about.lsm or '', 'No SELinux was found here')}: exceptions are by program."
    if not about.arches:
        yield "Which kinds of system calls this host takes could not be told: 32-bit calls are not asked for."
    elif len(about.arches) == 1:
        yield f"This machine's kernel takes one kind of system calls, {about.arches[0]}."
    if not about.takes_exe:
        yield "auditctl here takes no programs: where no type is known, only what people do is recorded."
    if about.unseen:
        more = f" and {len(about.unseen) - 1} more" if len(about.unseen) > 1 else ""
        yield f"Could not be looked at, so that there is no rule for it: {next(iter(about.unseen))}{more}."


_NO_TYPES = "SELinux: the types of processes could not be told: exceptions are by program."
_MODULES = {"apparmor": "AppArmor, which knows no types", "none": "This kernel runs neither SELinux nor AppArmor"}
_OWN_FILE = "## Made by virt-warden. Rules of your own belong into another file: this one is made anew.\n"


def _exceptions(rules: tuple[Made, ...]) -> str:
    if not rules:
        return ""
    return f"## {NEVER.what.capitalize()}.\n## Cost: {NEVER.cost}\n" + "".join(_lines(rules))


def _text(rules: tuple[Made, ...], remarks: tuple[str, ...]) -> str:
    if not rules:
        return ""
    parts = [f"## {remark}\n" for remark in remarks]
    for key, group in groupby(rules, key=lambda each: each.key):
        about = purpose(key)
        parts += [f"\n## {key}: {about.what}.\n## Cost: {about.cost}\n", *_lines(tuple(group))]
    return "".join(parts)


def _lines(rules: tuple[Made, ...]) -> Iterator[str]:
    for each in rules:
        yield f"# in {each.elsewhere} already: {each.line}\n" if each.elsewhere else f"{each.line}\n"

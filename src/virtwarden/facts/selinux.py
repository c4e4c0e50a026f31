"""SELinux: whether it enforces, its booleans, and which label its policy gives to which path.

Each of them on disk, which the next boot takes, and in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

from virtwarden.formats import filecontexts, keyvalue
from virtwarden.formats.filecontexts import Rule
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_ENFORCE = ("/sys/fs/selinux/enforce", "/selinux/enforce")
_CONFIG = "/etc/selinux/config"
_BOOLEANS = ("/sys/fs/selinux/booleans/virt*", "/selinux/booleans/virt*")
_STORES = (
    "/etc/selinux/*/active/booleans.local",
    "/etc/selinux/*/modules/active/booleans.local",
    "/var/lib/selinux/*/active/booleans.local",
)
_CONTEXTS = "/etc/selinux/*/contexts/files/file_contexts"
_FILES = ("", ".homedirs", ".local", ".subs", ".subs_dist")


@dataclass(frozen=True, slots=True)
class Mode:
    """`enforcing`, `permissive` or `disabled`, and where that was read."""

    word: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Boolean:
    """A boolean of the policy and its value."""

    name: str
    on: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A rule of the policy's file contexts with the line it stands on."""

    rule: Rule
    evidence: Evidence
    path: str

    @property
    def type(self) -> str:
        """The type within its context; empty for `<<none>>`."""
        return type_of(self.rule.context) or ""


@dataclass(frozen=True)
class Selinux:
    """What a side's mode, booleans or contexts could not be read for is kept as the refusal."""

    in_force: Mode | Absent | Unknown
    on_disk: Mode | Absent | Unknown
    policy: str = "targeted"
    live: dict[str, Boolean] | Unknown = Unknown("the booleans were not read")
    kept: dict[str, Boolean] | Unknown = Unknown("the booleans were not read")
    contexts: dict[str, Text] | Unknown = Unknown("the file contexts were not read")

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(path) for path in (*_ENFORCE, _CONFIG, *_BOOLEANS, *_STORES)),
        *(reading(_CONTEXTS + ending) for ending in _FILES),
    )

    @property
    def is_in_use(self) -> bool:
        """Whether the running kernel has a policy loaded; that of an image, whether its next boot would."""
        mode = self.on_disk if isinstance(self.in_force, Unknown) else self.in_force
        return isinstance(mode, Mode) and mode.word != "disabled"

    def boolean(self, name: str) -> Boolean | None:
        """A boolean as it is now; None where the policy has none of this name. Raises `Unknown`."""
        if isinstance(self.live, Unknown):
            raise Unknown(f"boolean {name}: {self.live}")
        return self.live.get(name)

    def kept_boolean(self, name: str) -> Boolean | None:
        """A boolean as it was set to last; None where the policy's default holds. Raises `Unknown`."""
        if isinstance(self.kept, Unknown):
            raise Unknown(f"boolean {name} on disk: {self.kept}")
        return self.kept.get(name)

    @cached_property
    def local_rules(self) -> tuple[LabelRule, ...]:
        """The site's own rules. Raises `Unknown`."""
        return self._rules(".local")

    def label_rule(self, path: str, kind: str) -> LabelRule | None:
        """The rule that a relabel of this path would follow; None where there is none. Raises `Unknown`."""
        path = self._substituted(path)
        number = self._local.find(path, kind)
        if number is not None:
            return self.local_rules[number]
        number = self._shipped.find(path, kind)
        return None if number is None else self._shipped_rules[number]

    @cached_property
    def _local(self) -> filecontexts.Index:
        return filecontexts.Index(tuple(found.rule for found in self.local_rules))

    @cached_property
    def _shipped(self) -> filecontexts.Index:
        return filecontexts.Index(tuple(found.rule for found in self._shipped_rules))

    @cached_property
    def _shipped_rules(self) -> tuple[LabelRule, ...]:
        found = self._rules("")
        if not found:
            raise Unknown("which labels the policy gives: its file_contexts was not read")
        return (*found, *self._rules(".homedirs"))

    def _rules(self, ending: str) -> tuple[LabelRule, ...]:
        text = self._text(ending)
        if text is None:
            return ()
        return tuple(LabelRule(rule, text.cite(rule.line), text.path) for rule in filecontexts.parse(text.text))

    def _text(self, ending: str) -> Text | None:
        if isinstance(self.contexts, Unknown):
            raise Unknown(f"which labels the policy gives: {self.contexts}")
        return self.contexts.get(_CONTEXTS.replace("*", self.policy) + ending)

    def _substituted(self, path: str) -> str:
        for ending in (".subs", ".subs_dist"):
            text = self._text(ending)
            for below, like, _ in filecontexts.substitutions(text.text) if text is not None else ():
                if path == below or path.startswith(below.rstrip("/") + "/"):
                    return like + path[len(below) :]
        return path

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Raises `Absent` where the host has no SELinux, `Unknown` where nothing of it can be told."""
        source = host.source
        live, (disk, policy) = _live_mode(source), _configured(source)
        if isinstance(live, Unknown) and isinstance(disk, Unknown):
            raise Unknown(f"whether SELinux is in use: {live}")
        is_off = isinstance(disk, Absent | Unknown) or disk.word == "disabled"
        if isinstance(disk, Absent) and not isinstance(live, Mode):
            raise Absent("SELinux is not in use")
        if isinstance(live, Absent) and is_off:
            raise Absent("SELinux is not in use", *((disk.evidence,) if isinstance(disk, Mode) else ()))
        return cls(live, disk, policy, _booleans(source), _kept(source, policy), _contexts(source, policy))


def type_of(context: str | None) -> str | None:
    """The type within a context, `virt_image_t`; None where there is no context."""
    parts = (context or "").split(":")
    return parts[2] if len(parts) >= 3 else None


def _live_mode(source: Source) -> Mode | Absent | Unknown:
    refused: Absent | Unknown = Absent("the kernel shows no SELinux policy")
    for path in _ENFORCE:
        try:
            text = source.read(path)
        except Absent:
            continue
        except Unknown as unknown:
            refused = unknown
            continue
        return Mode("enforcing" if text.text.strip() == "1" else "permissive", text.cite(1))
    return refused


def _configured(source: Source) -> tuple[Mode | Absent | Unknown, str]:
    try:
        text = source.read(_CONFIG)
    except (Absent, Unknown) as refused:
        return refused, "targeted"
    pairs = keyvalue.settings(text.text)
    policy = keyvalue.last(pairs, "SELINUXTYPE")
    found = keyvalue.last(pairs, "SELINUX")
    name = policy.value if policy is not None and "/" not in policy.value else "targeted"
    if found is None:
        return Mode("disabled", text.cite(text="SELINUX is not set")), name
    return Mode(found.value.lower(), text.cite(found.line)), name


def _booleans(source: Source) -> dict[str, Boolean] | Unknown:
    found: dict[str, Boolean] = {}
    try:
        for pattern in _BOOLEANS:
            for path in source.glob(pattern):
                text = source.read(path)
                name = path.rpartition("/")[2]
                value = text.text.strip("\0\n ")[:1]
                if value not in ("0", "1"):
                    return Unknown(f"{path} is neither 0 nor 1", text.cite(1))
                found[name] = Boolean(name, value == "1", text.cite(1))
    except Absent as absent:
        return Unknown(str(absent))
    except Unknown as refused:
        return refused
    return found


def _kept(source: Source, policy: str) -> dict[str, Boolean] | Unknown:
    found: dict[str, Boolean] = {}
    for pattern in _STORES:
        try:
            text = source.read(pattern.replace("*", policy))
        except Absent:
            continue
        except Unknown as refused:
            return refused
        for pair in keyvalue.settings(text.text):
            found[pair.key] = Boolean(pair.key, pair.value in ("1", "on", "true"), text.cite(pair.line))
    return found


def _contexts(source: Source, policy: str) -> dict[str, Text] | Unknown:
    found: dict[str, Text] = {}
    for ending in _FILES:
        path = _CONTEXTS.replace("*", policy) + ending
        try:
            found[path] = source.read(path)
        except Absent:
            continue
        except Unknown as refused:
            return refused
    return found

"""What sshd lets the account do by which the host is managed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.policy import Policy
from virtwarden.facts.sshd import Sshd
from virtwarden.formats import Malformed, sshdconf
from virtwarden.host import Absent, Host, Source, Unknown, Want, running
from virtwarden.model import Evidence

DROP_IN = "/etc/ssh/sshd_config.d/60-virt-warden.conf"
_BY_PLACE = frozenset(("address", "host", "localaddress", "localport", "rdomain"))
_DEFAULTS = {
    "disableforwarding": "no",
    "allowtcpforwarding": "yes",
    "allowstreamlocalforwarding": "yes",
    "allowagentforwarding": "yes",
    "x11forwarding": "no",
    "permittunnel": "no",
    "permitopen": "any",
    "authenticationmethods": "any",
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
}


@dataclass(frozen=True, slots=True)
class SshAccount:
    """The account that the policy names, and the settings that hold for it. `drops_in` says whether sshd reads files
    in the folder of `DROP_IN`."""

    name: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    whole: Evidence = Evidence("no line sets it")
    drops_in: bool = False

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """What sshd says of this account."""
        name = host.get(Policy).remote.ssh_user
        return iter(()) if name is None else iter((running(*_ask(name)),))

    def get(self, keyword: str) -> Value:
        """The value of a keyword for this account; OpenSSH's default where no line sets it."""
        found = self.settings.get(keyword)
        return found if found is not None else Value(_DEFAULTS[keyword], self.whole)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask sshd, which root alone may do, else read its files. Raises `Absent` where the policy names nobody."""
        sshd, name = host.get(Sshd), host.get(Policy).remote.ssh_user
        if name is None:
            raise Absent("the policy names no account for management over SSH (remote.ssh_user)")
        settings = _asked(host.source, name)
        if settings:
            _complete(sshd, name)
        else:
            settings = _by_files(sshd, name)
        return cls(name, settings, sshd.whole, _drops_in(host.source, sshd.file))


def _ask(name: str) -> tuple[str, ...]:
    return ("sshd", "-T", "-C", f"user={name},host=localhost,addr=127.0.0.1")


def _asked(source: Source, name: str) -> dict[str, Value]:
    try:
        output = source.run(*_ask(name))
    except (Absent, Unknown):
        return {}
    rows = [(line.partition(" ")[0], line.partition(" ")[2], line) for line in output.stdout.splitlines()]
    return {key.lower(): Value(value, output.cite(line)) for key, value, line in rows} if output.code == 0 else {}


def _complete(sshd: Sshd, name: str) -> None:
    """sshd was asked about a log-in from this host. Raises `Unknown` where a block tells log-ins from elsewhere
    apart."""
    for setting, cited in sshd.conditional:
        words = " ".join(setting.match).lower().split()
        depends = not _BY_PLACE.isdisjoint(words) and False not in [_meets(each, name) for each in setting.match]
        if setting.keyword in _DEFAULTS and depends:
            raise Unknown(f"what {name} may do depends on the connection: {' '.join(setting.match)}", cited)


def _by_files(sshd: Sshd, name: str) -> dict[str, Value]:
    """What holds for the account by sshd's files. Raises `Unknown` where a block asks for more than its name."""
    found: dict[str, Value] = {}
    for setting, cited in sshd.conditional:
        if setting.keyword not in _DEFAULTS or setting.keyword in found:
            continue
        verdicts = [_meets(condition, name) for condition in setting.match]
        if None in verdicts and False not in verdicts:
            raise Unknown(f"whether {' '.join(setting.match)} speaks of {name} cannot be told", cited)
        if all(verdicts):
            found[setting.keyword] = Value(setting.value, cited)
    return {**{key: value for key, value in sshd.settings.items() if key in _DEFAULTS}, **found}


def _meets(condition: str, name: str) -> bool | None:
    """Whether a condition of a block speaks of a user; None where it asks for something else too."""
    words = condition.split()
    if condition == "all":
        return True
    users = [patterns for kind, patterns in pairwise(words) if kind.lower() == "user"]
    if not all(_is_among(name, patterns.split(",")) for patterns in users):
        return False
    return True if len(words) == 2 and users else None


def _is_among(name: str, patterns: list[str]) -> bool:
    if any(fnmatchcase(name, each[1:]) for each in patterns if each.startswith("!")):
        return False
    return any(fnmatchcase(name, each) for each in patterns if not each.startswith("!"))


def _drops_in(source: Source, main: str) -> bool:
    """Whether the main file draws in the folder of our file, for every connection."""
    try:
        settings = sshdconf.parse(source.read(main).text, main)
    except (Absent, Malformed):
        return False
    patterns = (
        word for each in settings if each.keyword == "include" and not each.match for word in each.arguments
    )
    return any(fnmatchcase(DROP_IN, word if word.startswith("/") else f"/etc/ssh/{word}") for word in patterns)

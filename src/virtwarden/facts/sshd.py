"""How the host's SSH server is set up, and the keys that open the accounts which may manage guests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.policy import Policy
from virtwarden.formats import Malformed, columns, sshdconf
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, looking, reading, running
from virtwarden.model import Evidence

_ASK = ("sshd", "-T")
_FILES = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config")
_INCLUDED = ("/etc/ssh/sshd_config.d/*.conf", "/usr/etc/ssh/sshd_config.d/*.conf")
_BINARIES = ("/usr/sbin/sshd", "/usr/bin/sshd")
# What OpenSSH takes since 7.0 where no line says otherwise.
_DEFAULTS = {
    "permitrootlogin": "prohibit-password",
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "usepam": "no",
    "authorizedkeysfile": ".ssh/authorized_keys .ssh/authorized_keys2",
}
_OWN = "/etc/ssh/sshd_config.d/00-virt-warden.conf"
_MANAGERS = ("libvirt", "libvirtd")
_KEY = re.compile(
    r"""(?P<options>(?:[^\s"]|"(?:\\.|[^"\\])*")+[ \t]+)??
        (?P<kind>(?:sk-)?(?:ssh|ecdsa)-\S+|\d+[ \t]+\d+)[ \t]+(?P<key>\S+)[ \t]*(?P<comment>.*)""",
    re.VERBOSE,
)
_OPTION = re.compile(r'(?P<name>[A-Za-z0-9-]+)(?:=(?:"(?:\\.|[^"\\])*"|[^,]*))?(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class Sshd:
    """`settings` are the values that hold for every connection, as sshd itself or its files tell them, and
    `conditional` the lines that change one for some connections."""

    settings: Mapping[str, Value]
    conditional: tuple[tuple[sshdconf.Setting, Evidence], ...] = ()
    file: str = _FILES[0]
    whole: Evidence = Evidence("no line sets it", path=_FILES[0])

    wants: ClassVar[tuple[Want, ...]] = (
        running(*_ASK),
        *(reading(path) for path in (*_FILES, *_INCLUDED)),
        *(looking(path) for path in _BINARIES),
    )

    def get(self, keyword: str) -> Value:
        """The value of a keyword that holds where no condition is met; OpenSSH's default where no line sets it."""
        found = self.settings.get(keyword)
        return found if found is not None else Value(_DEFAULTS[keyword], self.whole)

    def place(self, value: Value) -> str:
        """The file in which a keyword with this value is to be set: its own, else the main one. What a package
        keeps below /usr is left alone; it draws in a file of ours first."""
        path = value.evidence.path or self.file
        return path if path.startswith("/etc/") else _OWN

    def sometimes(self, keyword: str) -> tuple[tuple[sshdconf.Setting, Evidence], ...]:
        """The lines that set a keyword for some connections only."""
        return tuple(found for found in self.conditional if found[0].keyword == keyword)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files; ask sshd for what holds in the end, which root alone may do."""
        texts: dict[str, Text] = {}
        settings = _settings(host.source, texts)
        conditional = tuple(
            (setting, texts[setting.path].cite(setting.line))
            for setting in settings
            if not setting.is_unconditional
        )
        file = next(iter(texts))
        whole = texts[file].cite(text="no line sets it; OpenSSH's default holds")
        return cls(_asked(host.source) or _held(settings, texts), conditional, file, whole)


def _settings(source: Source, texts: dict[str, Text]) -> tuple[sshdconf.Setting, ...]:
    for path in _FILES:
        try:
            texts[path] = source.read(path)
        except Absent:
            continue
        try:
            parsed = sshdconf.parse(texts[path].text, path)
            return sshdconf.including(parsed, lambda pattern: _included(source, pattern, texts))
        except Malformed as wrong:
            raise Unknown(f"{path}: {wrong}", texts[path].cite(wrong.line or None)) from None
    if _installed(source):
        raise Unknown(f"there is no {_FILES[0]}")
    raise Absent("there is no SSH server")


def _installed(source: Source) -> bool:
    for path in _BINARIES:
        try:
            source.stat(path)
        except Absent:
            continue
        return True
    return False


def _included(source: Source, pattern: str, texts: dict[str, Text]) -> Iterable[tuple[sshdconf.Setting, ...]]:
    for path in source.glob(pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"):
        texts[path] = source.read(path)
        yield sshdconf.parse(texts[path].text, path)


def _held(settings: Iterable[sshdconf.Setting], texts: Mapping[str, Text]) -> dict[str, Value]:
    return {
        keyword: Value(" ".join(each.value for each in found), texts[found[0].path].cite(found[0].line))
        for keyword, found in sshdconf.effective(settings).items()
    }


def _asked(source: Source) -> dict[str, Value]:
    try:
        output = source.run(*_ASK)
    except (Absent, Unknown):
        return {}
    if output.code != 0:
        return {}
    rows = [(line.partition(" ")[0], line.partition(" ")[2], line) for line in output.stdout.splitlines()]
    return {keyword.lower(): Value(value, output.cite(line)) for keyword, value, line in rows}


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """A public key that opens an account, with the options that limit it (lower case, values left out). `line` is the
    whole line."""

    user: str
    options: frozenset[str]
    evidence: Evidence
    name: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizedKeys:
    """The keys of root, of whoever else has its number, of the members of libvirt's groups and of the account that the
    policy names. `refused` says what else may open one of these accounts, and was not seen."""

    keys: tuple[AuthorizedKey, ...] = ()
    files: tuple[Evidence, ...] = ()
    refused: tuple[Evidence, ...] = field(default=())

    wants: ClassVar[tuple[Want, ...]] = (
        reading("/etc/passwd"),
        reading("/etc/group"),
        reading("/root/.ssh/authorized_keys*"),
        reading("/home/*/.ssh/authorized_keys*"),
    )

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """The files of accounts that are at home elsewhere."""
        return (reading(path) for path in _key_files(host))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files that sshd would, for each of these accounts."""
        paths = _key_files(host)
        host.source.fetch(reading(path) for path in paths)
        keys: list[AuthorizedKey] = []
        files: list[Evidence] = []
        refused: list[Evidence] = []
        for path, user in paths.items():
            try:
                text = host.source.read(path)
            except Absent:
                continue
            except Unknown as unknown:
                refused.append(Evidence(str(unknown), path=path))
                continue
            files.append(text.cite(text=f"the keys of {user}"))
            keys.extend(_keys(text, user))
        refused.extend(_by_other_means(host.get(Sshd)))
        refused.extend(_from_elsewhere(host))
        return cls(tuple(keys), tuple(files), tuple(refused))


_OTHER_MEANS = {
    "authorizedkeyscommand": "gives keys too, which cannot be seen",
    "trustedusercakeys": "names authorities whose certificates open accounts too, which cannot be seen",
}


def _by_other_means(sshd: Sshd) -> Iterator[Evidence]:
    """The programs and authorities that let in who has a key in no file."""
    for keyword, what in _OTHER_MEANS.items():
        held = sshd.settings.get(keyword)
        given = [(held.value, held.evidence)] if held is not None else []
        given += [(setting.value, cited) for setting, cited in sshd.sometimes(keyword)]
        for value, cited in given:
            if value.lower() != "none":
                yield Evidence(f"{value} {what}", path=cited.path or sshd.file, line=cited.line, at=cited.at)


def _from_elsewhere(host: Host) -> Iterator[Evidence]:
    """Members of libvirt's groups whom a directory service knows, and this host's own file does not."""
    users, groups = _accounts(host.source)
    known = {user.name for user in users}
    for group in groups:
        for member in group.members:
            if member not in known:
                text = f"where the keys of {member}, who is in {group.name}, lie is not told in /etc/passwd"
                yield Evidence(text, path="/etc/group", line=group.line)


def _key_files(host: Host) -> dict[str, str]:
    """The files in which sshd looks for keys, for all connections or some, each with the name of the user."""
    sshd = host.get(Sshd)
    others = (setting.value for setting, _ in sshd.sometimes("authorizedkeysfile"))
    patterns = " ".join((sshd.get("authorizedkeysfile").value, *others)).split()
    return {
        path: user.name
        for user in _managers(host)
        for pattern in patterns
        if (path := _path(pattern, user)) is not None
    }


def _managers(host: Host) -> list[columns.User]:
    users, groups = _accounts(host.source)
    account = host.get(Policy).remote.ssh_user
    names = {"root", account}.union(*(group.members for group in groups))
    own = {0} | {user.uid for user in users if user.gid in {group.gid for group in groups}}
    return [user for user in users if user.name in names or user.uid in own]


def _accounts(source: Source) -> tuple[tuple[columns.User, ...], list[columns.Group]]:
    """The accounts of this host, and those groups whose members may manage guests."""
    try:
        users = columns.passwd(source.read("/etc/passwd").text)
        groups = [group for group in columns.group(source.read("/etc/group").text) if group.name in _MANAGERS]
    except Absent as absent:
        raise Unknown(str(absent)) from None
    except Malformed as wrong:
        raise Unknown(f"/etc/passwd or /etc/group: {wrong}") from None
    return users, groups


def _path(pattern: str, user: columns.User) -> str | None:
    if pattern.lower() == "none":
        return None
    path = pattern
    for token, meant in (("%h", user.home), ("%u", user.name), ("%U", str(user.uid)), ("%%", "%")):
        path = path.replace(token, meant)
    return path if path.startswith("/") else f"{user.home.rstrip('/')}/{path}"


def _keys(text: Text, user: str) -> Iterable[AuthorizedKey]:
    for number, line in enumerate(text.lines, 1):
        found = _KEY.match(line.strip())
        if found is None or line.lstrip().startswith("#"):
            continue
        limits = (found["options"] or "").strip()
        options = frozenset(each["name"].lower() for each in _OPTION.finditer(limits))
        shown = " ".join(filter(None, (limits, found["kind"], "…", found["comment"])))
        name = found["comment"] or found["kind"]
        yield AuthorizedKey(user, options, text.cite(number, shown), name, line.strip())

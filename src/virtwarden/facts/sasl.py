"""SASL as libvirt and QEMU use it: the mechanisms they offer and the files that hold users' secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import keyvalue
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking, reading
from virtwarden.model import Evidence

SERVICES = ("libvirt", "qemu")
_DIRECTORIES = ("/etc/sasl2", "/usr/lib64/sasl2", "/usr/lib/sasl2")
_DATABASES = ("/etc/libvirt/passwd.db", "/etc/qemu/passwd.db", "/etc/sasl2/sasldb2", "/etc/sasldb2")
_CLIENTS = "/etc/libvirt/auth.conf"
_KEYTABS = ("/etc/libvirt/krb5.tab", "/etc/qemu/krb5.tab")


@dataclass(frozen=True, slots=True)
class SaslConf:
    """One service's conf file; None for what it does not set. `evidence` is for the file as a whole."""

    path: str
    evidence: Evidence
    settings: Mapping[str, Value] = field(default_factory=dict)

    def get(self, key: str) -> Value | None:
        """A setting with its line."""
        return self.settings.get(key)

    @property
    def mechanisms(self) -> tuple[str, ...] | None:
        """The mechanisms that are offered, in lower case; None where any that is installed is."""
        listed = self.get("mech_list")
        return None if listed is None else tuple(listed.value.lower().replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class Sasl:
    """`services` holds a refusal where a conf file could not be read. `secrets` are the password databases and
    keytabs that are there, and the file with which this host logs in elsewhere; `refused` those that could not
    be looked at."""

    services: Mapping[str, SaslConf | Unknown] = field(default_factory=dict)
    secrets: tuple[Stat, ...] = ()
    refused: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(f"{directory}/{service}.conf") for service in SERVICES for directory in _DIRECTORIES),
        *(looking(path) for path in (*_DATABASES, *_KEYTABS, _CLIENTS)),
        reading(_CLIENTS),
    )

    def of(self, service: str) -> SaslConf:
        """A service's conf file. Raises `Unknown`."""
        found = self.services.get(service)
        if isinstance(found, Unknown):
            raise Unknown(str(found), *found.evidence)
        path = f"{_DIRECTORIES[0]}/{service}.conf"
        return found or SaslConf(path, Evidence("there is no such file", path=path))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the conf files and look at the files that they name."""
        host.get(Libvirt)
        services: dict[str, SaslConf | Unknown] = {}
        paths = [*_DATABASES, *_KEYTABS, *([_CLIENTS] if _has_password(host.source) else [])]
        for service in SERVICES:
            try:
                conf = _read(host.source, service)
            except Unknown as refused:
                services[service] = refused
                continue
            if conf is not None:
                services[service] = conf
                named = (conf.get("sasldb_path"), conf.get("keytab"))
                paths.extend(value.value.removeprefix("FILE:") for value in named if value is not None)
        return cls(services, *_secrets(host.source, list(dict.fromkeys(paths))))


def _read(source: Source, service: str) -> SaslConf | None:
    for directory in _DIRECTORIES:
        try:
            text = source.read(f"{directory}/{service}.conf")
        except Absent:
            continue
        settings = {
            pair.key: Value(pair.value, text.cite(pair.line)) for pair in keyvalue.settings(text.text, ":")
        }
        return SaslConf(text.path, text.cite(text="mech_list is not set"), settings)
    return None


def _has_password(source: Source) -> bool:
    """Whether the file that libvirt's clients log in with has a password in it; one that is refused may have."""
    try:
        lines = source.read(_CLIENTS).lines
    except Absent:
        return False
    except Unknown:
        return True
    return any(line.partition("=")[0].strip() == "password" for line in lines)


def _secrets(source: Source, paths: list[str]) -> tuple[tuple[Stat, ...], tuple[Evidence, ...]]:
    found: list[Stat] = []
    refused: list[Evidence] = []
    for path in paths:
        try:
            found.append(source.stat(path))
        except Absent:
            continue
        except Unknown as unknown:
            refused.append(Evidence(str(unknown), path=path))
    return tuple(found), tuple(refused)

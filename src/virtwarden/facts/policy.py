"""What the site wants: the profile, the values that controls go by, and the failures it accepts.

One file says it, `/etc/virt-warden/policy.toml`; without it the defaults below hold. A profile may bring
values of its own, which the site's file overrides. Unknown keys are errors that name the nearest right one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import ClassVar, Literal, Self, get_args, get_type_hints

import msgspec

from virtwarden.complaint import Complaint
from virtwarden.host import Host, Want

_LISTENER = re.compile(r"(?:tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_FIRST_DISPLAY, _LAST_PORT = 5900, 65535
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?", re.ASCII)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_OTHER_KIND = re.compile(r"Expected `(.*)`, got `(.*)`")
_KINDS = {
    "array": "a list", "bool": "true or false", "date": "a date such as 2027-03-31", "datetime": "a date with a time",
    "float": "a number with a point", "int": "a whole number", "object": "a table", "str": "a text",
}  # fmt: skip


class PolicyError(Complaint):
    """A policy or profile cannot be used; the message says where and why in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcb:
    """`[tcb]`: what may run on the host, and who may use it.

    `allowed_listeners`: `tcp/22`, `udp/5353` or `tcp/49152-49215`, what may listen for the network;
    `administrators`: users who may be in groups that are as good as root; `nested_guests`: guests (patterns)
    that may run guests of their own; `share_memory`: kernel same-page merging is wanted; `allow_smt`: guests
    may share a core where the kernel mitigates what it can; `require_lockdown`: the kernel must be locked down.
    """

    allowed_listeners: tuple[str, ...] = ("tcp/22",)
    administrators: tuple[str, ...] = ()
    nested_guests: tuple[str, ...] = ()
    share_memory: bool = False
    allow_smt: bool = True
    require_lockdown: bool = False

    def __post_init__(self) -> None:
        """Refuse what would mean no listener at all."""
        for item in self.allowed_listeners:
            found = _LISTENER.fullmatch(item)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
            if not 0 < first <= last <= _LAST_PORT:
                raise ValueError(f"{item!r} is no listener; write tcp/22, udp/5353 or tcp/49152-49215")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`[network]`: `management_interface`, the device by which the host is managed; `management_sources`, the networks
    from which it is (`192.0.2.0/24`); `migration_address`, where it awaits guests from other hosts; `vlans`, the VLAN
    id of each bridge; `routing`, the host may forward packets between networks."""

    management_interface: str | None = None
    management_sources: tuple[str, ...] = ()
    migration_address: str | None = None
    vlans: dict[str, int] = field(default_factory=dict)
    routing: bool = False

    def __post_init__(self) -> None:
        """Refuse what a firewall could not be told, and networks that would let everybody in."""
        for source in self.management_sources:
            if ip_network(source).prefixlen == 0:
                raise ValueError(f"{source} in management_sources is everybody")
        if self.migration_address is not None and ip_address(self.migration_address).is_unspecified:
            raise ValueError(f"{self.migration_address} as migration_address is every address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`[filter]`: `trusted_guests` (patterns) need no network filter; `accepted_filters` are the site's own
    filters that count as protection against spoofing, besides libvirt's."""

    trusted_guests: tuple[str, ...] = ()
    accepted_filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """`[storage]`: `image_directories` where images may lie; `shared_disks` (paths, patterns) that several
    guests are meant to share."""

    image_directories: tuple[str, ...] = ("/var/lib/libvirt/images",)
    shared_disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """`[remote]`: `transport`, `ssh` or `tls`, how the host is managed from elsewhere; `ssh_user`, the account for
    it; `ssh_consoles`, that account may tunnel to the ports of consoles; `sasl_over_tls`, TLS clients log in by name
    as well; `sasl_mechanism`, `scram-sha-256` or `gssapi`; `sasl_users`, who may log in so; `certificates`, the
    folder on the host from which its certificates and keys are placed; `listen`, the address on which it offers TLS,
    where that is not the one of the management interface; `allowed_dns`, subjects of client certificates that may
    manage the host, as libvirt spells them; the least RSA key size in bits; the longest lives of certificates and the
    notice before they end, in days."""

    transport: Literal["ssh", "tls"] = "ssh"
    ssh_user: str | None = None
    ssh_consoles: bool = False
    sasl_over_tls: bool = False
    sasl_mechanism: Literal["scram-sha-256", "gssapi"] = "scram-sha-256"
    sasl_users: tuple[str, ...] = ()
    certificates: str | None = None
    listen: str | None = None
    allowed_dns: tuple[str, ...] = ()
    rsa_bits: int = 2048
    leaf_days: int = 825
    authority_days: int = 3653
    notice_days: int = 30

    def __post_init__(self) -> None:
        """Refuse what is no name of an account, no whole path and no one address."""
        if self.ssh_user is not None and _ACCOUNT.fullmatch(self.ssh_user) is None:
            raise ValueError(f"{self.ssh_user!r} is no name of an account")
        if self.certificates is not None and not self.certificates.startswith("/"):
            raise ValueError(f"{self.certificates!r} in certificates does not begin with /")
        if self.listen is not None and ip_address(self.listen).is_unspecified:
            raise ValueError(f"{self.listen} in listen is every address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """`[console]`: `password_days`, how long a console password may be valid; `listen`, where consoles that may not
    stay where they are go: `socket`, `loopback` or `management`, the management address, which is it by itself where
    the transport is `tls` (else `socket`); `last_port`, the highest port, from 5900 on, that libvirt picks."""

    password_days: int = 30
    listen: Literal["socket", "loopback", "management"] | None = None
    last_port: int = 5999

    def __post_init__(self) -> None:
        """Refuse what would leave no port."""
        if not _FIRST_DISPLAY < self.last_port <= _LAST_PORT:
            raise ValueError(f"last_port is {self.last_port}; it lies between {_FIRST_DISPLAY} and {_LAST_PORT}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Svirt:
    """`[svirt]`: `unconfined_guests` (patterns) may run without a security label."""

    unconfined_guests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestClass:
    """`[limits.classes.NAME]`: limits for the guests whose names match; None sets none.

    Units: MiB of memory, percent of one processor, IOPS, MiB/s and KiB/s.
    """

    guests: tuple[str, ...]
    memory_mib: int | None = None
    cpu_shares: int | None = None
    cpu_percent: int | None = None
    disk_iops: int | None = None
    disk_mib_per_second: int | None = None
    network_kib_per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`[limits]`: `host_reserve_mib` of memory stay with the host; `classes` of guests with their limits."""

    host_reserve_mib: int = 1024
    classes: dict[str, GuestClass] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """`[encryption]`: `guests` (patterns) whose disks must be encrypted; `pbkdf_memory_kib` the least that
    argon2 may use; `require_swap`, swap must be encrypted."""

    guests: tuple[str, ...] = ()
    pbkdf_memory_kib: int = 65536
    require_swap: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """`[audit]`: the least `backlog_limit`; the least amount of log that is kept, in MiB; `immutable`, the
    rules must be locked until the next boot."""

    backlog_limit: int = 8192
    keep_mib: int = 40
    immutable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """`[upkeep]`: `services` (unit names) that the host may run besides those of virtualization."""

    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverEntry:
    """`[[waiver]]`: a failure the site accepts until the end of the day `ends`. Without `subject`, any."""

    control: str
    reason: str
    owner: str
    ends: date
    subject: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody answers for."""
        for name in ("reason", "owner"):
            if not getattr(self, name).strip():
                raise ValueError(f"there is nothing in {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole policy. Also a fact: a host that is not told one has the default."""

    profile: str = "baseline"
    tcb: Tcb = Tcb()
    network: Network = Network()
    filter: Filter = Filter()
    storage: Storage = Storage()
    remote: Remote = Remote()
    console: Console = Console()
    svirt: Svirt = Svirt()
    limits: Limits = Limits()
    encryption: Encryption = Encryption()
    audit: Audit = Audit()
    upkeep: Upkeep = Upkeep()
    waiver: tuple[WaiverEntry, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:  # noqa: ARG003  # the host has no say in its policy
        """The default policy."""
        return cls()


Table = Mapping[str, object]


def parse_table(text: str, where: str) -> Table:
    """A TOML file's content. Raises `PolicyError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise PolicyError(f"{where} is not TOML: {wrong}") from None


def policy_from(*tables: Table, where: str) -> Policy:
    """The policy that these tables make, later ones overriding earlier ones. Raises `PolicyError`."""
    merged: Table = {}
    for table in tables:
        merged = _merged(merged, table)
    _known_keys(merged, Policy, where, "")
    try:
        return msgspec.convert(merged, Policy, strict=True)
    except msgspec.ValidationError as wrong:
        raise PolicyError(f"{where}: {_in_words(str(wrong))}") from None


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name is meant by one of these shell patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _merged(under: Table, over: Table) -> Table:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def _known_keys(table: Table, kind: type, where: str, prefix: str) -> None:
    known = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for key, value in table.items():
        if key not in names:
            raise PolicyError(f"{where}: there is no key {prefix}{key}{_nearest(key, names)}")
        for name, inner, nested in _nested(known[key], value, f"{prefix}{key}"):
            _known_keys(inner, nested, where, f"{name}.")


def _nested(hint: object, value: object, name: str) -> Iterator[tuple[str, Table, type]]:
    """The tables within a value that stand for dataclasses, with their names and types."""
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        yield name, value, hint
    inner = get_args(hint)
    if isinstance(value, Mapping) and len(inner) == 2:
        for key, item in value.items():
            yield from _nested(inner[1], item, f"{name}.{key}")
    if isinstance(value, list) and inner:
        for item in value:
            yield from _nested(inner[0], item, name)


def _in_words(complaint: str) -> str:
    """What msgspec complains of, as a sentence that begins with the key."""
    said, _, place = complaint.partition(" - at `$")
    key = place.rstrip("`").lstrip(".").replace("[...]", ".NAME")
    if missing := _MISSING.fullmatch(said):
        return f"{key} has no {missing[1]}"
    if other := _OTHER_KIND.fullmatch(said):
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in other[1].split(" | ") if kind != "null")
        return f"{key} has to be {wanted}, not {_KINDS.get(other[2], other[2])}"
    return f"{key}: {said}"


def _nearest(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1, 0.5)
    return f"; did you mean {close[0]}?" if close else f"; the keys are {', '.join(sorted(known))}"

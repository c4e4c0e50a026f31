"""The certificates, keys and revocation lists of libvirt and QEMU, each with its place, owner and mode.

libvirt's daemons read theirs as root; QEMU reads its own as the user that guests run as, which is why the two
must not share files or keys. Private keys are known by the fingerprint of their public half alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from virtwarden.facts.daemon_conf import DaemonConf, DaemonConfs
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.formats import Malformed, pem
from virtwarden.host import Absent, Host, Source, Stat, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence
from virtwarden.pki.places import HOST_DIRECTORIES, QEMU_DIRECTORIES, QEMU_GROUP
from virtwarden.sources.keystandin import KeyStandIn, stand_ins

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate, RevocationList

GROUP = QEMU_GROUP
Holder = Literal["libvirt", "qemu", "user"]
Role = Literal["authority", "server", "client", "key", "revocation", "other"]

_LIBVIRT = (
    "/etc/pki/CA/*.pem",
    "/etc/pki/CA/private/*",
    "/etc/pki/libvirt/*.pem",
    "/etc/pki/libvirt/private/*.pem",
)
_USER = ("CA/*.pem", "libvirt/*.pem", "libvirt/private/*.pem", "libvirt-vnc/*.pem", "libvirt-vnc/private/*.pem")
_HOMES = ("/root", "/home/*")
# Where a key of an authority is left behind when it was made on the host.
_LOOSE = (
    "/etc/pki/*.pem",
    "/etc/pki/*.key",
    "/etc/pki/CA/*.key",
    "/etc/pki/libvirt/*.key",
    "/etc/libvirt/*.pem",
    "/etc/ssl/private/*",
    "/etc/pki/tls/private/*",
    *(f"{home}{deep}/*.{ending}" for home in _HOMES for deep in ("", "/*") for ending in ("pem", "key")),
    *(f"{place}/*.{ending}" for place in ("/tmp", "/var/tmp") for ending in ("pem", "key")),  # noqa: S108
)
_NAMES: tuple[tuple[Role, tuple[str, ...]], ...] = (
    ("key", ("key",)),
    ("revocation", ("crl",)),
    ("server", ("servercert", "server-cert")),
    ("client", ("clientcert", "client-cert")),
    ("authority", ("cacert", "ca-cert")),
)
_PARSED: tuple[Role, ...] = ("authority", "server", "client", "revocation", "other")
_QEMU_KEYS = ("default", "vnc", "spice", "chardev", "migrate")


@dataclass(frozen=True, slots=True)
class PkiFile:
    """One file. `problem` says why what is in it could not be told, and `malformed` that this is the file's own
    fault; `certificates` has the line of each."""

    path: str
    holder: Holder
    role: Role
    stat: Stat
    text: Text | None = None
    certificates: tuple[tuple[int, Certificate], ...] = ()
    keys: tuple[KeyStandIn, ...] = ()
    revocations: tuple[RevocationList, ...] = ()
    problem: str = ""
    malformed: bool = False

    @property
    def directory(self) -> str:
        """The directory it lies in, `private` left out: files of one directory belong together."""
        return self.path.rpartition("/")[0].removesuffix("/private")

    @property
    def name(self) -> str:
        """Its name within the directory."""
        return self.path.rpartition("/")[2]

    @property
    def is_read(self) -> bool:
        """Whether its text could be read."""
        return self.text is not None

    def cite(self, line: int | None = None, text: str | None = None) -> Evidence:
        """Evidence from this file: words about it, else its mode and owner."""
        return self.stat.cite(text) if self.text is None or text is None else self.text.cite(line, text)


@dataclass(frozen=True, slots=True)
class Pki:
    """All files of libvirt's and QEMU's PKI and their directories; `refused` is what could not be looked at."""

    files: tuple[PkiFile, ...] = ()
    directories: tuple[Stat, ...] = ()
    refused: tuple[Evidence, ...] = ()
    qemu_users: frozenset[str] = frozenset({"qemu", "libvirt-qemu"})
    qemu_groups: frozenset[str] = frozenset({"qemu", "libvirt-qemu", "kvm"})

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(pattern) for pattern in _LIBVIRT),
        *(reading(f"{directory}{deep}/*.pem") for directory in QEMU_DIRECTORIES for deep in ("", "/private")),
        *(reading(f"{home}/.pki/{pattern}") for home in _HOMES for pattern in _USER),
        *(looking(directory) for directory in HOST_DIRECTORIES),
    )

    def complete(self) -> None:
        """Raises `Unknown` where something could not be looked at."""
        if self.refused:
            more = f" and {len(self.refused) - 1} more" if len(self.refused) > 1 else ""
            raise Unknown(
                f"not every certificate and key could be looked at: {self.refused[0].text}{more}", *self.refused
            )

    def rooted(self, file: PkiFile) -> tuple[int, str | None]:
        """The mode and the group (None: the one it has) that a file of root's should have. QEMU opens its own
        files as the user that guests run as; where no name of its group can be seen, `GROUP` stands for it."""
        mode = file.stat.mode & ~0o022
        is_key = file.role == "key" or bool(file.keys)
        if file.holder != "qemu":
            return (0o600 if is_key else mode), None
        if file.stat.group in self.qemu_groups:
            return (0o640 if is_key else mode), None
        if not is_key and mode & 0o004:
            return mode, None
        group = file.stat.owner if file.stat.owner in self.qemu_groups else GROUP
        return (0o640 if is_key else mode | 0o040), group

    def of(self, *roles: Role) -> Iterator[PkiFile]:
        """The files of these roles."""
        return (file for file in self.files if file.role in roles)

    def authorities(self) -> Iterator[tuple[PkiFile, Certificate]]:
        """The certificates of the authorities that are trusted, each with the file it was first found in."""
        seen: set[str] = set()
        for file in self.of("authority"):
            for _, certificate in file.certificates:
                if certificate.key_id not in seen:
                    seen.add(certificate.key_id)
                    yield file, certificate

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look into the places that libvirt and QEMU use by default, and those that their conf files name."""
        host.get(Libvirt)
        gathered = _Gathered(host.source)
        users, groups = {"qemu", "libvirt-qemu"}, {"qemu", "libvirt-qemu", "kvm"}
        named = list(_named_by_daemons(host))
        directories: list[str] = []
        try:
            conf = host.get(QemuConf)
            directories = _named_by_qemu(conf)
            users |= {conf.user.lstrip("+")} if conf.user and conf.user not in ("root", "+0", "0") else set()
            groups |= {conf.group.lstrip("+")} if conf.group else set()
        except Unknown as refused:
            gathered.refused.append(
                Evidence(f"what qemu.conf names is not known: {refused}", path="/etc/libvirt/qemu.conf")
            )
        host.source.fetch(
            [
                *(reading(path) for path, _ in named),
                *(reading(f"{directory}/*.pem") for directory in directories),
            ]
        )
        gathered.add_patterns(_LIBVIRT, "libvirt")
        gathered.add_patterns(
            (f"{d}{deep}/*.pem" for d in (*QEMU_DIRECTORIES, *directories) for deep in ("", "/private")), "qemu"
        )
        gathered.add_patterns((f"{home}/.pki/{pattern}" for home in _HOMES for pattern in _USER), "user")
        for path, role in named:
            gathered.add(path, "libvirt", role)
        return cls(
            tuple(gathered.files.values()),
            tuple(_present(host.source, (*HOST_DIRECTORIES, *directories))),
            tuple(gathered.refused),
            frozenset(users),
            frozenset(groups),
        )


@dataclass(frozen=True, slots=True)
class LooseKeys:
    """Files outside the PKI's own places that hold private keys, and places that could not be searched."""

    files: tuple[PkiFile, ...] = ()
    refused: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(pattern) for pattern in _LOOSE)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Search the places where keys are left behind."""
        gathered = _Gathered(host.source)
        gathered.add_patterns(_LOOSE, "user")
        found = tuple(file for file in gathered.files.values() if file.keys or file.text is None)
        return cls(found, tuple(gathered.refused))


@dataclass(slots=True)
class _Gathered:
    """Files on their way into a fact."""

    source: Source
    files: dict[str, PkiFile] = field(default_factory=dict)
    refused: list[Evidence] = field(default_factory=list)

    def add_patterns(self, patterns: Iterable[str], holder: Holder) -> None:
        for pattern in patterns:
            try:
                paths = self.source.glob(pattern)
            except Unknown as unknown:
                self.refused.append(Evidence(str(unknown), path=pattern))
                continue
            for path in paths:
                self.add(path, holder, _role(path))

    def add(self, path: str, holder: Holder, role: Role) -> None:
        if path in self.files:
            return
        try:
            stat = self.source.stat(path)
        except Absent:
            return  # gone since it was listed, or a link that leads nowhere
        except Unknown as unknown:
            self.refused.append(Evidence(str(unknown), path=path))
            return
        if stat.kind == "file":
            self.files[path] = _read(self.source, path, holder, role, stat)


def read_file(source: Source, path: str, holder: Holder, role: Role | None = None) -> PkiFile:
    """One file, as what its name says unless a role is given. Raises `Absent` or `Unknown` where there is no telling
    that it is a file."""
    stat = source.stat(path)
    if stat.kind != "file":
        raise Unknown(f"{path} is no file")
    return _read(source, path, holder, role or _role(path), stat)


def _role(path: str) -> Role:
    name = path.rpartition("/")[2]
    return next((role for role, parts in _NAMES if any(part in name for part in parts)), "other")


def _read(source: Source, path: str, holder: Holder, role: Role, stat: Stat) -> PkiFile:
    # Parsing certificates is for those who have any: the library takes as long to load as all the rest.
    from virtwarden.formats import certificate as x509  # noqa: PLC0415

    try:
        text = source.read(path)
    except (Absent, Unknown) as refused:
        return PkiFile(path, holder, role, stat, problem=str(refused))
    keys = tuple(stand_ins(text.text))
    try:
        blocks = pem.parse(text.text) if role in _PARSED else ()
        certificates = tuple(
            (block.line, x509.certificate(block.text)) for block in blocks if block.is_certificate
        )
        revocations = tuple(x509.revocation_list(block.text) for block in blocks if block.label == "X509 CRL")
    except Malformed as wrong:
        malformed = not isinstance(wrong, x509.Unsupported)
        return PkiFile(path, holder, role, stat, text, keys=keys, problem=str(wrong), malformed=malformed)
    return PkiFile(path, holder, role, stat, text, certificates, keys, revocations)


def _named_by_daemons(host: Host) -> Iterator[tuple[str, Role]]:
    """The files that a daemon's conf file names in place of the default ones."""
    for conf in host.get(DaemonConfs).confs.values():
        yield from _named_by_daemon(conf)


def _named_by_daemon(conf: DaemonConf) -> Iterator[tuple[str, Role]]:
    named: tuple[tuple[Role, tuple[str | None, ...]], ...] = (
        ("authority", (conf.ca_file,)),
        ("server", (conf.cert_file, *conf.cert_files)),
        ("key", (conf.key_file, *conf.key_files)),
        ("revocation", (conf.crl_file,)),
    )
    for role, paths in named:
        yield from ((path, role) for path in paths if path)


def _named_by_qemu(conf: QemuConf) -> list[str]:
    named = (getattr(conf, f"{key}_tls_x509_cert_dir") for key in _QEMU_KEYS)
    return [path.rstrip("/") for path in dict.fromkeys(named) if path and path.rstrip("/") not in QEMU_DIRECTORIES]


def _present(source: Source, paths: Iterable[str]) -> Iterator[Stat]:
    for path in paths:
        try:
            yield source.stat(path)
        except (Absent, Unknown):
            continue

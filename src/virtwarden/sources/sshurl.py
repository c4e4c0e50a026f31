"""The address of a distant host, and the command line of the OpenSSH client that reaches it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address

from virtwarden.sources import SourceError

CONFIG_VARIABLE = "VIRT_WARDEN_SSH_CONFIG"
_URL = re.compile(
    r"ssh://(?:(?P<user>[^@/]*(?:@[^@/]*)?)@)?(?P<host>\[[^]@/]*\]|[^:@/\[\]]*)(?::(?P<port>[^/]*))?/?"
)
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]{0,255}")
_HOST = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,255}")
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=20",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to log in, and as whom; what is None is left to the user's own ssh configuration."""

    host: str
    user: str | None = None
    port: int | None = None

    def argv(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """The client's command line; it ends in a shell that reads its script from standard input."""
        config = environment.get(CONFIG_VARIABLE)
        return (
            "ssh",
            "-T",
            "-a",
            "-x",
            *(("-F", config) if config else ()),
            *(f"-o{option}" for option in _OPTIONS),
            *(("-l", self.user) if self.user else ()),
            *(("-p", str(self.port)) if self.port else ()),
            "--",
            self.host,
            "exec env LC_ALL=C LANG=C sh",
        )


def parse(url: str) -> Address:
    """The address that `ssh://[user@]host[:port]` names; raises `SourceError` for anything else."""
    found = _URL.fullmatch(url)
    if found is None or not found["host"] or (found["user"] or "").count(":"):
        raise SourceError("a host over SSH is written ssh://[user@]host[:port], without a password")
    user, host, port = found["user"], found["host"], found["port"]
    if user is not None and not _USER.fullmatch(user):
        raise SourceError(f"{user!r} cannot be a user name on an SSH host")
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise SourceError(f"{port!r} is not a port number")
    return Address(_checked_host(host), user, int(port) if port is not None else None)


def _checked_host(host: str) -> str:
    if host.startswith("["):
        address, _, zone = host[1:-1].partition("%")
        try:
            IPv6Address(address)
        except ValueError:
            raise SourceError(f"{host!r} is not an IPv6 address") from None
        if zone and not _HOST.fullmatch(zone):
            raise SourceError(f"{host!r} is not an IPv6 address")
        return host[1:-1]
    if not _HOST.fullmatch(host):
        raise SourceError(f"{host!r} cannot be the name of an SSH host")
    return host

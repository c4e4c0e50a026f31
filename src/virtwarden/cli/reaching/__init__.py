"""What `connect` and `console` share: which host is meant, by which transport, and commands as a shell takes them."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from virtwarden.cli import UsageError
from virtwarden.cli.options import add_policy, policy_of
from virtwarden.cli.parsing import Parser

TRANSPORTS = ("ssh", "tls")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Reach:
    """A host, and how it is reached; without a host, this one."""

    host: str | None
    transport: str
    user: str | None = None
    port: int | None = None

    @property
    def bracketed(self) -> str:
        """The host as it stands in an address."""
        host = self.host or ""
        return f"[{quote(host, safe=':')}]" if ":" in host else host

    @property
    def login(self) -> str:
        """The host as ssh takes it."""
        return f"{self.user}@{self.host}" if self.user else str(self.host)

    def uri(self, pkipath: str | None = None) -> str:
        """libvirt's address of the host."""
        if self.host is None:
            return "qemu:///system"
        port = f":{self.port}" if self.port else ""
        if self.transport == "ssh":
            user = f"{quote(self.user, safe='')}@" if self.user else ""
            return f"qemu+ssh://{user}{self.bracketed}{port}/system?proxy=native"
        place = f"?pkipath={quote(os.fsencode(os.path.abspath(pkipath)), safe='/')}" if pkipath else ""
        return f"qemu+tls://{self.bracketed}{port}/system{place}"

    def ssh(self, *options: str) -> tuple[str, ...]:
        """The command of ssh that goes there."""
        from virtwarden.sources.sshurl import CONFIG_VARIABLE  # noqa: PLC0415  # not needed for help

        config = os.environ.get(CONFIG_VARIABLE)
        port = ("-p", str(self.port)) if self.port else ()
        return ("ssh", *(("-F", config) if config else ()), *options, *port, self.login)


def add_reach(made: Parser) -> None:
    """Options that say how a host is reached."""
    made.add_argument("--transport", choices=TRANSPORTS, help="ssh or tls (default: as the policy says)")
    made.add_argument("--user", metavar="USER", help="the account over ssh (default: as the policy says)")
    made.add_argument("--port", type=_port, metavar="N", help="another port than the usual one")
    made.add_argument("--run", action="store_true", help="run it instead of showing it")
    made.add_argument("--json", action="store_true", help="show it as JSON")
    add_policy(made)


def reach_of(chosen: argparse.Namespace, host: str | None) -> Reach:
    """What the options and the policy say. Raises `Complaint`."""
    if chosen.run and chosen.json:
        raise UsageError("--run shows nothing; it goes without --json")
    if host is None:
        for name in ("transport", "user", "port"):
            if getattr(chosen, name) is not None:
                raise UsageError(f"--{name} is for another host; name it")
        return Reach(None, "local")
    policy = policy_of(chosen)[0].remote
    transport = chosen.transport or policy.transport
    if transport == "tls" and chosen.user:
        raise UsageError("over tls nobody names a user: the client's certificate says who comes")
    user = (chosen.user or policy.ssh_user) if transport == "ssh" else None
    return Reach(_checked(host, user), transport, user, chosen.port)


def _checked(host: str, user: str | None) -> str:
    """The host's name, or address without brackets. Raises `Complaint`."""
    from virtwarden.sources import SourceError, sshurl  # noqa: PLC0415

    shown = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    try:
        if any(each in host for each in "/@") or (":" in host and not shown.startswith("[")):
            raise SourceError(f"{host!r} is no name of a host; --user and --port say the rest")
        if not host or "[" in host[1:] or shown.startswith("[") is not shown.endswith("]"):
            raise SourceError(f"{host!r} is no name or address of a host")
        return sshurl.parse(f"ssh://{f'{user}@' if user is not None else ''}{shown}").host
    except SourceError as wrong:
        raise UsageError(str(wrong)) from None


def shell(argv: Sequence[str]) -> str:
    """A command as a shell takes it."""
    return shlex.join(argv)


def become(argv: Sequence[str]) -> int:
    """Turn into this program. Raises `UsageError` where it cannot be run."""
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606  # words, and no shell between
    except FileNotFoundError:
        raise UsageError(f"{argv[0]} is not installed here") from None
    except OSError as wrong:
        raise UsageError(f"{argv[0]} cannot be run: {(wrong.strerror or str(wrong)).lower()}") from None


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _LAST_PORT:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port")

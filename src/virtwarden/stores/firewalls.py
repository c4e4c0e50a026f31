"""How the firewalls of a running system take their files: firewalld, ufw, and our own table in nft."""

from __future__ import annotations

from virtwarden.stores.activators import Activator, System, installed, repeatedly, simply
from virtwarden.stores.nfttables import MANAGEMENT, RULES

_UFW = {"iptables-restore": "/etc/ufw/user.rules", "ip6tables-restore": "/etc/ufw/user6.rules"}


def firewalld(system: System) -> Activator:
    """Have firewalld read its files again."""

    def why_not() -> str:
        if not installed("firewall-cmd"):
            return "firewalld is not installed"
        return "" if system.programs.ask(("firewall-cmd", "--state")).code == 0 else "firewalld does not run"

    def read() -> None:
        system.programs.must(("firewall-cmd", "--reload"))

    def check() -> None:
        system.programs.must(("firewall-cmd", "--check-config"))

    return Activator(do=simply(read), why_not=why_not, check=check, again=repeatedly(read))


def ufw(system: System) -> Activator:
    """Have ufw load its rules again, which it does not do as long as it is switched off."""

    def why_not() -> str:
        if not installed("ufw"):
            return "ufw is not installed"
        said = system.programs.ask(("ufw", "status"))
        return "" if said.code == 0 and said.stdout.startswith("Status: active") else "ufw is not active"

    def read() -> None:
        system.programs.must(("ufw", "reload"))

    def check() -> None:
        for program, path in _UFW.items():
            if system.exists(path):
                with open(system.path(path), encoding="utf-8", errors="surrogateescape") as file:
                    system.programs.must((program, "--noflush", "--test"), file.read())

    return Activator(do=simply(read), why_not=why_not, check=check, again=repeatedly(read))


def nft(system: System) -> Activator:
    """Have the kernel hold our own table as its file has it."""

    def why_not() -> str:
        return "" if installed("nft") else "nft is not installed"

    def run(*options: str) -> None:
        system.programs.must(("nft", *options, "-f", system.path(RULES)))

    return Activator(do=simply(run), why_not=why_not, touches=lambda: (MANAGEMENT,), check=lambda: run("-c"))

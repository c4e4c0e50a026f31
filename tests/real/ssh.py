"""Keys and configuration that let an ssh client on this machine reach a machine's sshd.

The client runs wherever the test runs. Its configuration makes it open the connection from within the
machine's `outside` network, so nothing listens on, and nothing is added to, the real network.
"""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.real import fdpass
from tests.real.services import AUTHORIZED_KEYS

CONFIG_VARIABLE = "VIRT_WARDEN_SSH_CONFIG"
_HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_CONFIG = """\
Host {name}
    HostName {address}
    Port 22
    IdentityFile {folder}/id_ed25519
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    ProxyCommand {connect} %h %p
    ProxyUseFdpass yes
"""


@dataclass(frozen=True, slots=True)
class Access:
    """What a client needs: a home folder with `.ssh/config`, a key and the host's key."""

    home: Path
    name: str
    address: str

    @property
    def folder(self) -> Path:
        """The client's .ssh."""
        return self.home / ".ssh"

    @property
    def config(self) -> Path:
        """A file for `ssh -F`."""
        return self.folder / "config"

    @property
    def env(self) -> dict[str, str]:
        """Variables for a client process. OpenSSH itself takes no notice of HOME, hence the second."""
        return {"HOME": str(self.home), CONFIG_VARIABLE: str(self.config)}

    def argv(self, *command: str) -> tuple[str, ...]:
        """An ssh command line that runs `command` on the machine."""
        return ("ssh", "-F", str(self.config), "-o", "BatchMode=yes", f"root@{self.name}", shlex.join(command))

    def admit(self, root: Path) -> None:
        """Put the host's key and the permission for ours below the machine's root."""
        _make_key(root / _HOST_KEY, f"root@{self.name}")
        public = (root / f"{_HOST_KEY}.pub").read_text()
        (self.folder / "known_hosts").write_text(f"{self.address} {public}")
        (root / AUTHORIZED_KEYS.lstrip("/")).write_text((self.folder / "id_ed25519.pub").read_text())

    def write_config(self, enter: tuple[str, ...]) -> None:
        """Write the configuration; `enter` starts a command where the machine can be reached."""
        connect = shlex.join((*enter, sys.executable, "-ISs", fdpass.__file__))
        text = _CONFIG.format(name=self.name, address=self.address, folder=self.folder, connect=connect)
        self.config.write_text(text)


def issue(home: Path, name: str, address: str) -> Access:
    """Make the client's home folder and key."""
    access = Access(home, name, address)
    access.folder.mkdir(parents=True, mode=0o700)
    _make_key(access.folder / "id_ed25519", "tests@client.example.org")
    return access


def _make_key(file: Path, comment: str) -> None:
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file), check=True)

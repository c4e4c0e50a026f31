"""The installer of test packages costs nothing when all is there and never fails the run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

INSTALLER = Path(__file__).parents[2] / "tools/install-test-packages"


@dataclass(frozen=True, slots=True)
class World:
    """A folder of programs that stand for a system's own, and a log of the calls of apt-get."""

    programs: Path

    def program(self, name: str, script: str) -> None:
        """Put a program in place."""
        file = self.programs / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def install(self) -> subprocess.CompletedProcess[str]:
        """Run the installer with nothing but these programs and a few plain ones."""
        return subprocess.run(
            ("/bin/sh", INSTALLER),
            env={"PATH": str(self.programs), "CALLS": str(self.calls_file)},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    @property
    def calls_file(self) -> Path:
        """Where calls are noted."""
        return self.programs / "calls"

    @property
    def calls(self) -> list[str]:
        """What apt-get was called for, in order."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A Debian system, ordinary user, on which only dnsmasq-base and qemu-utils are missing."""
    made = World(tmp_path)
    for name in ("mktemp", "rm", "tail", "chmod"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    made.program("id", "echo 1000")
    made.program("apt-get", 'echo "$*" >>"$CALLS"; echo "E: no network"; exit 100')
    made.program("dpkg-query", 'case "$4" in dnsmasq-base|qemu-utils) exit 1;; *) printf installed;; esac')
    return made


def test_nothing_is_called_when_everything_is_installed(world: World) -> None:
    world.program("dpkg-query", "printf installed")
    result = world.install()
    assert (result.returncode, result.stdout, result.stderr, world.calls) == (0, "", "", [])


def test_an_ordinary_user_is_told_what_root_would_install(world: World) -> None:
    result = world.install()
    assert (result.returncode, world.calls) == (0, [])
    assert "only root can install qemu-utils dnsmasq-base;" in result.stdout
    assert "will be skipped" in result.stdout


def test_a_system_without_apt_is_told_so(world: World) -> None:
    (world.programs / "apt-get").unlink()
    result = world.install()
    assert result.returncode == 0
    assert "neither Debian nor Ubuntu" in result.stdout

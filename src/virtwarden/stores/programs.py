"""Programs that change the host: run from their argv, with what they read on standard input, and never alone.

A program may go on when virt-warden is killed. It holds a lock meanwhile, so that nothing is taken back while it
still changes things.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from virtwarden.sources.process import environment
from virtwarden.stores.images import StoreError

_PATIENCE = 120.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and how it ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """The last thing that it said, which is mostly why it failed."""
        lines = [line.strip() for line in (self.stderr or self.stdout).splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True, slots=True)
class Programs:
    """How programs are started. `held` are open files that they inherit and so keep locked; `umask` is theirs where
    it has to be another than ours."""

    held: tuple[int, ...] = ()
    patience: float = _PATIENCE
    umask: int = -1

    def ask(self, argv: Sequence[str], given: str = "") -> Said:
        """Run a program to its end, whatever its exit code. Raises `StoreError` where it cannot be run or does not
        end."""
        try:
            done = subprocess.run(
                argv,
                input=given.encode("utf-8", "surrogateescape"),
                capture_output=True,
                check=False,
                cwd="/",
                env=environment(os.environ),
                timeout=self.patience,
                start_new_session=True,
                pass_fds=self.held,
                umask=self.umask,
                preexec_fn=_die_with_parent(os.getpid()),
            )
        except FileNotFoundError:
            raise StoreError(f"{argv[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise StoreError(f"{' '.join(argv)} did not end within {self.patience:g} s") from None
        except OSError as error:
            raise StoreError(f"{argv[0]} cannot be run: {(error.strerror or str(error)).lower()}") from None
        out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
        code = 128 - done.returncode if done.returncode < 0 else done.returncode
        return Said(code, out, err)

    def finds(self, name: str) -> str | None:
        """Where a program is, None where it is not installed."""
        return shutil.which(name, path=environment(os.environ)["PATH"])

    def must(self, argv: Sequence[str], given: str = "") -> str:
        """What a program prints that has to succeed. Raises `StoreError` with its complaint."""
        said = self.ask(argv, given)
        if said.code != 0:
            raise StoreError(f"{' '.join(argv)}: {said.complaint}")
        return said.stdout


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent was gone before the kernel was told
            os._exit(1)

    return prepare

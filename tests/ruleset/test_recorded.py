"""What the kernel records by the rules that are made for this host, and what it leaves out: with a real auditd."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.auditd import Auditd, kernel_audit, why_not
from virtwarden.host import Host
from virtwarden.ruleset.generator import rule_set
from virtwarden.ruleset.situation import situation
from virtwarden.sources.local import Local

_KEY = re.compile(r'^type=SYSCALL .* key="([a-z_]+)"', re.MULTILINE)
_NEEDED = (
    "/etc/libvirt",
    "/run/libvirt",
    "/var/lib/libvirt/images",
    "/usr/bin/qemu-img",
    "/usr/bin/qemu-system-x86_64",
)
_MISSING = [path for path in _NEEDED if not Path(path).exists()]

pytestmark = pytest.mark.skipif(
    bool(why_not() or _MISSING), reason=why_not() or f"these are not here: {', '.join(_MISSING)}"
)

Deed = tuple[str, ...]
_SETTINGS, _RUN = "/etc/libvirt/virt-warden-probe", "/run/libvirt/virt-warden-probe"
_IMAGE = "/var/lib/libvirt/images/virt-warden-probe.img"
MAKE_SETTINGS: Deed = ("touch", _SETTINGS)
MAKE_IMAGE: Deed = ("qemu-img", "create", "-q", "-f", "raw", _IMAGE, "1M")
TOUCH_IMAGE: Deed = ("touch", _IMAGE)
MAKE_STATE: Deed = ("mkdir", "-p", _RUN)
START: Deed = ("qemu-system-x86_64", "--version")


@pytest.fixture(scope="module")
def keys_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., set[str]]]:
    """Does a deed, by somebody who is logged in or by nobody, and gives the keys of its records."""
    rules = "\n".join(rule_set(situation(Host(Local()))).files().values())
    with kernel_audit(), Auditd(tmp_path_factory.mktemp("auditd"), rules=rules) as auditd:

        def keys_of(deed: Deed, user: int | None = None) -> set[str]:
            seen = len(auditd.text())
            login = "true" if user is None else f"echo {user} > /proc/self/loginuid"
            subprocess.run(["sh", "-c", f'{login} && exec "$@"', "sh", *deed], check=True, capture_output=True)
            auditd.settle()
            return {key for key in _KEY.findall(auditd.text()[seen:]) if key.startswith("virt_")}

        try:
            yield keys_of
        finally:
            for path in (_SETTINGS, _IMAGE):
                Path(path).unlink(missing_ok=True)
            if Path(_RUN).is_dir():
                Path(_RUN).rmdir()


def test_a_change_of_settings_is_recorded_whoever_makes_it(keys_of: Callable[..., set[str]]) -> None:
    assert keys_of(MAKE_SETTINGS) == {"virt_libvirt_cfg"}
    assert keys_of(MAKE_SETTINGS, 1000) == {"virt_libvirt_cfg"}


def test_an_emulator_that_a_person_starts_is_told_from_others(keys_of: Callable[..., set[str]]) -> None:
    assert keys_of(START) == {"virt_qemu_exec"}
    assert keys_of(START, 1000) == {"virt_qemu_manual"}


def test_an_image_that_libvirts_tools_make_is_daily_work_and_what_a_person_makes_with_them_is_not(
    keys_of: Callable[..., set[str]],
) -> None:
    assert keys_of(MAKE_IMAGE) == set()
    assert keys_of(MAKE_IMAGE, 1000) == {"virt_image_change"}
    assert keys_of(TOUCH_IMAGE) == {"virt_image_change"}


def test_changes_of_the_state_that_is_made_at_boot_are_recorded_by_name(keys_of: Callable[..., set[str]]) -> None:
    assert keys_of(MAKE_STATE, 1000) == {"virt_runtime_change"}
    Path(_RUN).rmdir()
    assert keys_of(MAKE_STATE) == set()

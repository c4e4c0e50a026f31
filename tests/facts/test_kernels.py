"""Which kernel runs, and which are installed."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.kernels import Kernels, order
from virtwarden.host import Absent, Unknown

RUNNING = "/proc/sys/kernel/osrelease"


def test_images_are_found_in_boot_and_beside_their_modules() -> None:
    files = {
        RUNNING: "6.4.0-150600.21-default\n",
        "/boot/vmlinuz-6.4.0-150600.21-default": "",
        "/usr/lib/modules/6.4.0-150600.23-default/vmlinuz": "",
        "/boot/vmlinuz-0-rescue-abc": "",
        "/boot/vmlinuz-6.4.0-150600.99-default.old": "",
        "/boot/vmlinuz-6.4.0-150600.99-rt": "",
    }
    kernels = made(files=files).get(Kernels)
    assert kernels.newest == "6.4.0-150600.23-default"
    assert kernels.installed["6.4.0-150600.23-default"].path == "/usr/lib/modules/6.4.0-150600.23-default/vmlinuz"


def test_a_debug_kernel_is_a_flavour_of_its_own() -> None:
    files = {
        RUNNING: "5.14.0-427.el9.x86_64",
        "/boot/vmlinuz-5.14.0-427.el9.x86_64": "",
        "/boot/vmlinuz-5.14.0-500.el9.x86_64+debug": "",
    }
    assert made(files=files).get(Kernels).newest == "5.14.0-427.el9.x86_64"


def test_numbers_compare_as_numbers() -> None:
    releases = ["6.1.0-9-amd64", "6.1.0-18-amd64", "6.1.0-rc1-amd64", "5.10.0-30-amd64"]
    assert sorted(releases, key=order) == ["5.10.0-30-amd64", "6.1.0-rc1-amd64", "6.1.0-9-amd64", "6.1.0-18-amd64"]


def test_no_image_is_no_answer() -> None:
    assert made(files={RUNNING: "6.18.0"}).get(Kernels).newest is None


def test_a_kernel_that_does_not_tell_its_release() -> None:
    with pytest.raises(Absent):
        made().get(Kernels)
    with pytest.raises(Unknown):
        refusing().get(Kernels)

"""Kernel modules of virtualization: their parameters now, and the options they are loaded with."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.modules import Modules, is_true
from virtwarden.host import Absent, Unknown

UBUNTU = '# not for us\noptions kvm_intel nested=1 ept=1\noptions "kvm-amd" nested=0 # off\nalias a b\n'


def test_parameters_hold_now() -> None:
    modules = made(files={"/sys/module/kvm_intel/parameters/nested": "Y\n"}).get(Modules)
    assert modules.parameter("kvm_intel/nested").value == "Y"
    with pytest.raises(Absent, match="kvm_amd is not loaded"):
        modules.parameter("kvm_amd/nested")


def test_a_parameter_that_says_what_no_kernel_says_is_unknown() -> None:
    modules = made(files={"/sys/module/kvm_intel/parameters/nested": "what\n"}).get(Modules)
    with pytest.raises(Unknown, match="what no kernel says"):
        modules.parameter("kvm_intel/nested")


def test_options_are_read_with_either_spelling_of_a_module() -> None:
    modules = made(files={"/etc/modprobe.d/qemu-system-x86.conf": UBUNTU}).get(Modules)
    options = {name: value.value for name, value in modules.options.items()}
    assert options == {"kvm_intel/nested": "1", "kvm_intel/ept": "1", "kvm_amd/nested": "0"}
    found = modules.option("kvm_amd/nested")
    assert found is not None
    assert found.evidence.line == 3


def test_the_last_file_by_name_wins_and_etc_masks_the_rest() -> None:
    files = {
        "/usr/lib/modprobe.d/kvm.conf": "options kvm_intel nested=1\n",
        "/etc/modprobe.d/kvm.conf": "options kvm_intel ept=1\n",
        "/etc/modprobe.d/a.conf": "options kvm_amd nested=1\n",
        "/usr/lib/modprobe.d/z.conf": "options kvm_amd nested=0\n",
        "/etc/modprobe.conf": "options kvm nested\n",
    }
    modules = made(files=files).get(Modules)
    assert modules.option("kvm_intel/nested") is None
    assert {name: value.value for name, value in modules.options.items()} == {
        "kvm/nested": "1",
        "kvm_amd/nested": "0",
        "kvm_intel/ept": "1",
    }


def test_an_open_quote_does_not_hide_the_line() -> None:
    modules = made(files={"/etc/modprobe.d/a.conf": "options kvm_amd nested=1 x='\n"}).get(Modules)
    assert modules.options["kvm_amd/nested"].value == "1"


def test_refusals_are_kept_apart() -> None:
    modules = refusing().get(Modules)
    with pytest.raises(Unknown, match="denied"):
        modules.parameter("kvm_intel/nested")
    with pytest.raises(Unknown, match="options of kernel modules"):
        modules.option("kvm_intel/nested")


def test_a_file_that_goes_meanwhile_is_passed_over() -> None:
    assert made(files={"/etc/modprobe.d/a.conf": Absent("gone")}).get(Modules).options == {}


def test_words_for_yes() -> None:
    assert [is_true(word) for word in ("Y\n", "1", "on", "N", "0", "off")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]

"""Settings of the kernel, those of a real one in a network namespace among them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from virtwarden.edits import Replace, SetState
from virtwarden.model import Document
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.sysctls import Sysctls, is_one_way

_CLONE_NEWNET = 0x40000000


def made(directory: Path, **values: str) -> Sysctls:
    for name, value in values.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
    return Sysctls(str(directory))


def test_a_value_is_set_and_taken_back(tmp_path: Path) -> None:
    store = made(tmp_path, kernel__kptr_restrict="0")
    document = Document("sysctl", "kernel.kptr_restrict")
    before = store.image(document.name)
    after = store.edited(document, before, [SetState("2")])
    assert store.put(document.name, after) == after == StateImage({"value": "2"})
    assert store.put(document.name, before) == before
    assert (tmp_path / "kernel/kptr_restrict").read_text() == "0\n"


def test_values_that_the_kernel_spells_with_tabs_are_the_same(tmp_path: Path) -> None:
    store = made(tmp_path, net__ipv4__tcp_rmem="4096\t131072\t6291456")
    document = Document("sysctl", "net.ipv4.tcp_rmem")
    before = store.image(document.name)
    assert store.edited(document, before, [SetState("4096 131072 6291456")]) == before


@pytest.mark.parametrize(
    "key", ["net.ipv4.conf.br/100.rp_filter", "net/ipv4/conf/br.100/rp_filter", "net.ipv4.conf.br.100.rp_filter"]
)
def test_names_with_dots_are_found_however_they_are_spelt(tmp_path: Path, key: str) -> None:
    store = made(tmp_path, net__ipv4__conf__all__rp_filter="0")
    (tmp_path / "net/ipv4/conf/br.100").mkdir()
    (tmp_path / "net/ipv4/conf/br.100/rp_filter").write_text("1\n")
    assert store.image(key) == StateImage({"value": "1"})


@pytest.mark.parametrize("key", ["net.bridge.bridge-nf-call-iptables", "..", "../outside", "net//x", "", "kernel"])
def test_a_setting_that_is_not_there_is_nothing(tmp_path: Path, key: str) -> None:
    store = made(tmp_path / "sys", kernel__panic="0")
    (tmp_path / "outside").write_text("1\n")
    assert store.image(key) == Nothing()
    with pytest.raises(StoreError, match=r"this kernel has no "):
        store.edited(Document("sysctl", key), Nothing(), [SetState("1")])


def test_a_setting_that_has_gone_with_its_module_is_not_missed_when_undoing(tmp_path: Path) -> None:
    assert made(tmp_path).put("net.bridge.x", Nothing()) == Nothing()


def test_what_cannot_be_taken_back_is_not_done(tmp_path: Path) -> None:
    store = made(tmp_path, kernel__yama__ptrace_scope="1")
    document = Document("sysctl", "kernel.yama.ptrace_scope")
    with pytest.raises(StoreError, match=r"could not be taken back from 3 without a boot"):
        store.edited(document, store.image(document.name), [SetState("3")])
    assert is_one_way("kernel/modules_disabled", "1")
    assert not is_one_way("kernel.yama.ptrace_scope", "2")


def test_other_edits_are_refused(tmp_path: Path) -> None:
    store = made(tmp_path, kernel__panic="0")
    with pytest.raises(StoreError, match=r"cannot be changed in this way"):
        store.edited(Document("sysctl", "kernel.panic"), store.image("kernel.panic"), [Replace("1")])


def in_a_network_namespace(body: Callable[[], None]) -> None:
    """Run the body in a thread whose network is empty and its own."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
                pytest.skip("no network namespace can be made here")
            body()
        except BaseException as failure:  # raised again by the test's own thread
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_the_real_kernel_takes_a_value_for_an_interface_with_a_dot_and_no_other() -> None:
    def body() -> None:
        subprocess.run(("ip", "link", "add", "br0.100", "type", "bridge"), check=True)
        store, key = Sysctls(), "net.ipv4.conf.br0/100.rp_filter"
        others = store.image("net.ipv4.conf.lo.rp_filter")
        before = store.image(key)
        wanted = store.edited(Document("sysctl", key), before, [SetState("2")])
        assert wanted != before
        assert store.put(key, wanted) == wanted
        argv = ("sysctl", "-n", "net/ipv4/conf/br0.100/rp_filter")
        assert subprocess.run(argv, capture_output=True, check=True).stdout == b"2\n"
        assert store.image("net.ipv4.conf.lo.rp_filter") == others
        assert store.put(key, before) == before
        with pytest.raises(StoreError, match=r"invalid argument"):
            store.put(key, StateImage({"value": "nonsense"}))

    in_a_network_namespace(body)

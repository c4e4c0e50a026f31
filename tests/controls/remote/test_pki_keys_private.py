"""Private keys can be read by their service alone, and nobody else can write to any PKI file."""

from collections.abc import Mapping

import pytest

from tests.certs import key, pem_of
from tests.kit import entry, judge, made, results
from tests.remotehost import MONOLITHIC, remote_host
from virtwarden.controls.remote.pki_keys_private import CONTROL
from virtwarden.edits import Do, SetMode
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Unknown
from virtwarden.model import Finding

SERVER_KEY = "/etc/pki/libvirt/private/serverkey.pem"
VNC_KEY = "/etc/pki/libvirt-vnc/server-key.pem"
QEMU = {"gid": 107, "group": "qemu"}


def judged(path: str, fields: Mapping[str, object] | None = None, text: str = "") -> Finding:
    host = remote_host("", QemuConf(), files={path: text}, stats=[entry(path, **(fields or {}))])
    (finding,) = judge(CONTROL, host)
    return finding


@pytest.mark.parametrize(
    ("path", "fields", "result"),
    [
        (SERVER_KEY, {"mode": 0o600}, "pass"),
        (SERVER_KEY, {"mode": 0o640}, "fail"),
        (SERVER_KEY, {"mode": 0o644}, "fail"),
        (SERVER_KEY, {"mode": 0o600, "uid": 1000, "owner": "alice"}, "fail"),
        (VNC_KEY, {"mode": 0o640, **QEMU}, "pass"),
        (VNC_KEY, {"mode": 0o600}, "pass"),
        (VNC_KEY, {"mode": 0o660, **QEMU}, "fail"),
        (VNC_KEY, {"mode": 0o640, "gid": 100, "group": "users"}, "fail"),
        (VNC_KEY, {"mode": 0o440, "uid": 107, "owner": "qemu", **QEMU}, "fail"),
        ("/home/alice/.pki/libvirt/clientkey.pem", {"mode": 0o600, "uid": 1000, "owner": "alice"}, "pass"),
        ("/home/alice/.pki/libvirt/clientkey.pem", {"mode": 0o644, "uid": 1000, "owner": "alice"}, "fail"),
        ("/etc/pki/CA/cacert.pem", {"mode": 0o644}, "pass"),
        ("/etc/pki/CA/cacert.pem", {"mode": 0o664}, "fail"),
    ],
)
def test_owner_and_mode_decide(path: str, fields: dict[str, object], result: str) -> None:
    assert judged(path, fields).result == result


def test_the_fixes_are_the_least_that_helps() -> None:
    assert judged(SERVER_KEY).fix[0].edit == SetMode(mode=0o600)
    owned = {"mode": 0o440, "uid": 107, "owner": "qemu", **QEMU}
    assert judged(VNC_KEY, owned).fix[0].edit == SetMode(mode=0o640, owner="root")
    assert judged("/etc/pki/CA/cacert.pem", {"mode": 0o666}).fix[0].edit == SetMode(mode=0o644)
    debian = {"mode": 0o440, "uid": 64055, "owner": "libvirt-qemu"}
    assert judged(VNC_KEY, debian).fix[0].edit == SetMode(mode=0o640, owner="root", group="libvirt-qemu")
    strange = judged(VNC_KEY, {"mode": 0o644})
    assert strange.fix[0].edit == Do("chown it to root and QEMU's group, chmod 0640")
    users = judged("/home/alice/.pki/libvirt/clientkey.pem", {"mode": 0o604, "uid": 1000, "owner": "alice"})
    assert users.fix[0].edit == SetMode(mode=0o600)


def test_a_hard_link_is_replaced_before_anything_else() -> None:
    linked = {"mode": 0o440, "uid": 64055, "owner": "libvirt-qemu", "links": 3}
    edit = judged(SERVER_KEY, linked).fix[0].edit
    assert isinstance(edit, Do)
    assert edit.steps == (
        f"cp -p {SERVER_KEY} to a new name, chown root:root and chmod 0600 that, mv it over {SERVER_KEY}"
    )
    assert judged("/etc/pki/CA/cacert.pem", {"mode": 0o644, "links": 3}).result == "pass"


@pytest.mark.parametrize(("mode", "results_"), [(0o644, ["pass", "fail"]), (0o600, ["pass"])])
def test_a_copy_of_a_key_that_others_may_read_fails(mode: int, results_: list[str]) -> None:
    made_key, copy = key(), "/var/tmp/clientkey.pem"
    files = {SERVER_KEY: pem_of(made_key), copy: pem_of(made_key), "/var/tmp/other.pem": pem_of(key())}
    host = remote_host("", QemuConf(), files=files, stats=[entry(SERVER_KEY, mode=0o600), entry(copy, mode=mode)])
    findings = judge(CONTROL, host)
    assert [finding.result.value for finding in findings] == results_
    if len(findings) > 1:
        assert findings[1].message == f"a copy of {SERVER_KEY} with mode 0644, which others than its owner may use"


def test_a_key_is_a_key_whatever_its_file_is_called() -> None:
    assert judged("/etc/pki/libvirt/bundle.pem", text=pem_of(key())).result == "fail"
    assert judged("/etc/pki/libvirt/bundle.pem", text="nothing\n").result == "pass"


def test_no_files_are_not_applicable_and_a_refusal_unknown() -> None:
    assert results(CONTROL, remote_host("")) == ["notapplicable"]
    refused = {"/etc/pki/libvirt/private/*.pem": Unknown("/etc/pki/libvirt/private: permission denied")}
    assert results(CONTROL, made(MONOLITHIC, files=refused)) == ["unknown"]

"""Every service has certificates, keys and files of its own, and QEMU's user owns none of them."""

from tests.certs import Authority, key, pem_of
from tests.kit import entry, judge, made, results
from tests.remotehost import MONOLITHIC, remote_host
from virtwarden.controls.remote.pki_files_own_copies import CONTROL
from virtwarden.edits import Do, SetMode
from virtwarden.facts.pki import Pki
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Stat, Unknown

SERVER_KEY = "/etc/pki/libvirt/private/serverkey.pem"
VNC_KEY = "/etc/pki/libvirt-vnc/server-key.pem"
LIBVIRT, VNC = key(), key()


def stat(path: str, **fields: object) -> Stat:
    return entry(path, mode=0o600, **fields)


def test_copies_with_keys_of_their_own_pass() -> None:
    files = {SERVER_KEY: pem_of(LIBVIRT), VNC_KEY: pem_of(VNC), "/etc/pki/CA/cacert.pem": Authority().pem}
    assert results(CONTROL, remote_host("", files=files)) == ["pass"] * 3


def test_the_blueprints_hard_links_fail_at_both_ends() -> None:
    fields = {"links": 2, "inode": "8:4711", "uid": 107, "owner": "qemu"}
    stats = [stat(SERVER_KEY, **fields), stat(VNC_KEY, **fields)]
    findings = judge(CONTROL, remote_host("", files={SERVER_KEY: "", VNC_KEY: ""}, stats=stats))
    assert [finding.result.value for finding in findings] == ["fail", "fail"]
    assert findings[0].message == (
        f"is hard-linked 2 times; belongs to qemu, as whom guests run; holds the same key as {VNC_KEY}"
    )
    assert [type(change.edit) for change in findings[0].fix] == [Do, Do]
    assert findings[0].evidence[0].text == "root:root 0600, 2 links".replace("root:root", "qemu:root")


def test_what_qemus_user_owns_goes_to_root_and_qemu_can_still_read_it() -> None:
    owned = {"uid": 64055, "owner": "libvirt-qemu"}
    stats = [stat(VNC_KEY, **owned), entry("/etc/pki/libvirt-vnc/ca-cert.pem", mode=0o440, **owned)]
    stats.append(stat(SERVER_KEY, **owned))
    files = {each.path: "" for each in stats}
    fixes = {f.subject.name: f.fix[0].edit for f in judge(CONTROL, remote_host("", files=files, stats=stats))}
    assert fixes[VNC_KEY] == SetMode(mode=0o640, owner="root", group="libvirt-qemu")
    assert fixes["/etc/pki/libvirt-vnc/ca-cert.pem"] == SetMode(mode=0o440, owner="root", group="libvirt-qemu")
    assert fixes[SERVER_KEY] == SetMode(mode=0o600, owner="root")


def test_a_copy_of_the_same_key_fails_by_its_fingerprint() -> None:
    findings = judge(CONTROL, remote_host("", files={SERVER_KEY: pem_of(LIBVIRT), VNC_KEY: pem_of(LIBVIRT)}))
    assert [f.message for f in findings] == [
        f"holds the same key as {VNC_KEY}",
        f"holds the same key as {SERVER_KEY}",
    ]


def test_certificates_tell_of_a_shared_key_where_the_keys_cannot_be_read() -> None:
    pem = Authority().issue().pem
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/etc/pki/libvirt/servercert.pem": pem,
        "/etc/pki/libvirt-vnc/server-cert.pem": pem,
        SERVER_KEY: Unknown(f"{SERVER_KEY}: permission denied"),
    }
    assert results(CONTROL, made(MONOLITHIC, files=files, stats=[stat(SERVER_KEY)])) == ["fail", "unknown", "fail"]


def test_the_user_that_qemu_conf_names_counts_too() -> None:
    stats = [stat(VNC_KEY, uid=1007, owner="kvmguests")]
    conf = QemuConf(user="kvmguests", group="kvmguests", vnc_tls_x509_cert_dir="/srv/pki/")
    host = remote_host("", conf, files={VNC_KEY: "", "/srv/pki/server-key.pem": pem_of(VNC)}, stats=stats)
    assert results(CONTROL, host) == ["fail", "pass"]
    by_number = QemuConf(user="+1007")
    assert results(CONTROL, remote_host("", by_number, files={VNC_KEY: ""}, stats=stats)) == ["fail"]


def test_a_directory_of_qemus_user_fails() -> None:
    directory = entry("/etc/pki/libvirt-vnc", kind="dir", mode=0o750, uid=64055, owner="libvirt-qemu")
    findings = judge(CONTROL, remote_host("", files={VNC_KEY: pem_of(VNC)}, stats=[directory]))
    assert [f.result.value for f in findings] == ["pass", "fail"]
    assert findings[1].fix[0].edit == SetMode(owner="root")


def test_no_certificates_are_not_applicable_and_a_refusal_unknown() -> None:
    assert results(CONTROL, remote_host("")) == ["notapplicable"]
    refused = {"/etc/pki/libvirt/private/*.pem": Unknown("/etc/pki/libvirt/private: permission denied")}
    assert results(CONTROL, made(MONOLITHIC, files=refused)) == ["unknown"]
    refused = {"/etc/libvirt/qemu.conf": Unknown("/etc/libvirt/qemu.conf: permission denied")}
    assert results(CONTROL, made(MONOLITHIC, files=refused)) == ["unknown"]


def test_what_is_gone_refused_or_no_file_when_it_is_looked_at_is_told_apart() -> None:
    host = remote_host("", files={VNC_KEY: "", "/etc/pki/CA/cacert.pem": "", "/etc/pki/CA/private": ""})
    host.source.stats = {  # type: ignore[attr-defined]
        VNC_KEY: Unknown("stale handle"),
        "/etc/pki/CA/cacert.pem": entry("/etc/pki/CA/cacert.pem", kind="dir"),
    }
    pki = host.get(Pki)
    assert (pki.files, [each.path for each in pki.refused]) == ((), [VNC_KEY])

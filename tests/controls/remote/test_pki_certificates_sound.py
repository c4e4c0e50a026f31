"""Certificates are sound: version 3, one role, strong, current, of the authority and of their key."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from tests.certs import BLUEPRINT_STYLE, Authority, Pair, key, pem_of
from tests.kit import NOW, entry, judge, results
from tests.remotehost import remote_host
from virtwarden.controls.remote.pki_certificates_sound import CONTROL
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.model import Finding

AUTHORITY = Authority()
CA, SERVER, CLIENT = "/etc/pki/CA/cacert.pem", "/etc/pki/libvirt/servercert.pem", "/etc/pki/libvirt/clientcert.pem"
KEY = "/etc/pki/libvirt/private/serverkey.pem"


def host(files: dict[str, str | Unknown]) -> Host:
    return remote_host("", QemuConf(), files={CA: AUTHORITY.pem, **files})


def of(path: str, pair: Pair | str) -> Finding:
    pem = pair.pem if isinstance(pair, Pair) else pair
    return next(f for f in judge(CONTROL, host({path: pem})) if f.subject.name == path)


def test_a_whole_sound_pki_passes() -> None:
    server, client = AUTHORITY.issue(), AUTHORITY.issue("O=Example,CN=alice", ("client",), names=())
    files: dict[str, str | Unknown] = {SERVER: server.pem, KEY: server.key_pem, CLIENT: client.pem}
    findings = judge(CONTROL, host(files))
    assert [(f.result.value, f.subject.name) for f in findings] == [
        ("pass", CA), ("pass", CLIENT), ("pass", SERVER), ("pass", SERVER),
    ]  # fmt: skip
    assert findings[2].message == "O=Example,CN=kvm7.example.com, valid until 2027-02-19"
    assert (findings[2].evidence[0].path, findings[2].evidence[0].line) == (SERVER, 1)


def test_the_blueprints_certificate_fails_on_every_count() -> None:
    message = of(SERVER, BLUEPRINT_STYLE).message
    for fault in (
        "version 1, which has no extensions",
        "signed with SHA1",
        "no key usage",
        "no alternative names",
        "serial number 94345 is not random",
        "valid for more than 825 days",
        "good for servers and clients alike",
        "no authority beside it has issued it",
        "not valid before 2026-11-23",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"purposes": ("client",)}, "not good for a server"),
        ({"purposes": ("client", "server")}, "good for more than its role"),
        ({"purposes": None}, "good for servers and clients alike"),
        ({"names": ()}, "no alternative names"),
        ({"authority": True, "purposes": None}, "is an authority itself"),
        ({"usage": "key_encipherment"}, "may not make signatures"),
        ({"usage": "digital_signature"}, "may not encipher keys, on which libvirt before 11.6 insists"),
        ({"usage": None}, "no key usage"),
        ({"serial": 1}, "serial number 1 is not random"),
        ({"days": 1000}, "valid for more than 825 days"),
        ({"days": 20}, "expires on 2026-03-11"),
        ({"days": 5}, "expired on 2026-02-24"),
        ({"starts": NOW + timedelta(days=2)}, "not valid before 2026-03-03"),
        ({"key": rsa.generate_private_key(65537, 1024)}, "RSA key of 1024 bits"),
        ({"key": ec.generate_private_key(ec.SECP224R1())}, "elliptic curve of 224 bits"),
        ({"key": dsa.generate_private_key(1024)}, "DSA key"),
    ],
)
def test_each_fault_is_named(changed: dict[str, object], fault: str) -> None:
    finding = of(SERVER, AUTHORITY.issue(**changed))  # type: ignore[arg-type]
    assert finding.result == "fail"
    assert fault in finding.message


def test_a_peer_of_migrations_may_have_both_roles() -> None:
    pair = AUTHORITY.issue(purposes=("server", "client"))
    place = "/etc/pki/libvirt-migrate"
    judged = judge(CONTROL, host({f"{place}/server-cert.pem": pair.pem, f"{place}/ca-cert.pem": AUTHORITY.pem}))
    assert {f.result.value for f in judged} == {"pass"}


def test_a_strangers_certificate_fails_and_so_does_one_without_an_authority() -> None:
    assert "no authority beside it has issued it" in of(SERVER, Authority().issue()).message
    path = "/etc/pki/libvirt-vnc/server-cert.pem"
    alone = remote_host("", QemuConf(), files={path: AUTHORITY.issue().pem})
    assert "there is no certificate of an authority beside it" in judge(CONTROL, alone)[0].message
    refused = remote_host(
        "", QemuConf(), files={SERVER: AUTHORITY.issue().pem, CA: Unknown("denied")}, stats=[entry(CA)]
    )
    assert results(CONTROL, refused) == ["unknown", "pass"]


def test_an_intermediate_in_the_servers_file_makes_the_chain() -> None:
    middle = Authority("O=Example,CN=middle")
    middle_pem = AUTHORITY.issue("O=Example,CN=middle", authority=True, key=middle.key).pem
    assert of(SERVER, middle.issue().pem + middle_pem).result == "pass"


def test_a_certificate_named_by_the_conf_file_is_judged_by_libvirts_authority() -> None:
    pair = AUTHORITY.issue()
    conf = 'ca_file = "/etc/pki/CA/cacert.pem"\ncert_file = "/srv/c.pem"\nkey_file = "/srv/k.pem"\n'
    files = {CA: AUTHORITY.pem, "/srv/c.pem": pair.pem, "/srv/k.pem": pair.key_pem}
    assert results(CONTROL, remote_host(conf, QemuConf(), files=files)) == ["pass", "pass"]


def test_authorities_have_faults_of_their_own() -> None:
    assert "is not marked as an authority" in of(CA, Authority(marked=False).pem).message
    assert "may not sign certificates" in of(CA, Authority(marked=False, usage="crl_sign").pem).message
    assert "valid for more than 3653 days" in of(CA, AUTHORITY.issue(authority=True, days=4000).pem).message


def test_a_serial_number_given_out_twice_fails() -> None:
    serial = 2**70 + 1
    one, other = AUTHORITY.issue(serial=serial), AUTHORITY.issue("CN=a", ("client",), serial=serial)
    findings = judge(CONTROL, host({SERVER: one.pem, CLIENT: other.pem}))
    assert sum("was given out twice" in f.message for f in findings) == 2


def test_a_key_that_is_another_ones_fails_and_one_that_does_not_tell_is_unknown() -> None:
    pem = AUTHORITY.issue().pem
    assert judge(CONTROL, host({SERVER: pem, KEY: pem_of(key())}))[-1].message == f"{KEY} is not its key"
    assert results(CONTROL, host({SERVER: pem, KEY: "nothing"}))[-1] == "unknown"


def test_what_is_no_certificate_fails_and_what_cannot_be_read_is_unknown() -> None:
    assert of(SERVER, "nothing\n").message == "holds no certificate"
    assert of(SERVER, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").result == "fail"
    refused = remote_host("", QemuConf(), files={SERVER: Unknown("denied")}, stats=[entry(SERVER)])
    assert results(CONTROL, refused) == ["unknown"]


def test_no_certificates_are_not_applicable() -> None:
    assert results(CONTROL, remote_host("", QemuConf())) == ["notapplicable"]

"""No secret survives redaction, and nothing else changes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import shutil
import struct
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.headers import qcow2
from tests.kit import Made
from tests.sources.planted import (
    B64,
    CEPH,
    HASHED,
    HEX,
    OUTPUTS,
    PLANTED,
    SPACED,
    TEXTS,
    UNTOUCHED,
    WIREGUARD,
)
from virtwarden.host import Absent, Unknown, running
from virtwarden.sources.blanking import Blanker
from virtwarden.sources.keystandin import KeyStandIn, of_der, stand_ins, without_keys
from virtwarden.sources.lukshead import without_salts
from virtwarden.sources.recording import Recorder, Snapshot
from virtwarden.sources.redact import Redacted, redact_head, redact_output, redact_text, rules_in_words
from virtwarden.sources.secretrules import RULES


@pytest.mark.parametrize(("path", "text", "left"), TEXTS)
def test_secrets_in_files_are_blanked(path: str, text: str, left: str) -> None:
    assert redact_text(path, text, Blanker()) == left


@pytest.mark.parametrize(("argv", "text", "left"), OUTPUTS)
def test_secrets_in_outputs_are_blanked(argv: tuple[str, ...], text: str, left: str) -> None:
    assert redact_output(argv, text, Blanker()) == left


@pytest.mark.parametrize(("path", "text"), UNTOUCHED)
def test_what_only_speaks_of_secrets_stays(path: str, text: str) -> None:
    assert redact_text(path, text, Blanker()) == text
    assert redact_text(path, f"{text}vnc_password = x\n", Blanker()).startswith(text)


@pytest.mark.parametrize(("path", "text", "left"), TEXTS)
def test_redacting_twice_changes_nothing_and_keeps_the_lines(path: str, text: str, left: str) -> None:
    assert redact_text(path, left, Blanker()) == left
    assert left.count("\n") == text.count("\n")


def test_every_rule_has_words_and_a_secret_that_only_it_finds() -> None:
    found = set()
    for path, text, _ in [*TEXTS, *((" ".join(argv), text, left) for argv, text, left in OUTPUTS)]:
        for rule in RULES:
            if rule.where.search(path) and any(not rule.keeps(match) for match in rule.pattern.finditer(text)):
                assert any(hint in text.lower() for hint in rule.hints), rule.what
                found.add(rule.what)
    assert [rule.what for rule in RULES if rule.what not in found] == []
    assert len(set(rules_in_words())) == len(RULES) + 7


# laws

pieces = st.sampled_from(
    [
        PLANTED,
        HASHED,
        CEPH,
        "passwd",
        "password",
        "_pass",
        "secret",
        "private_key",
        "psk",
        "token",
        "api-",
        "=",
        " = ",
        ": ",
        ":",
        "'",
        '"',
        '"""',
        "\\",
        '\\"',
        "&quot;",
        "<",
        ">",
        "</secret>",
        "<secret>",
        "<a ",
        "/>",
        "\n",
        "\n\n",
        "  ",
        "\t",
        "\0",
        ",",
        ",,",
        "$6$",
        "$1$",
        "{SSHA}",
        "grub.pbkdf2.sha512.10000.",
        "://",
        "@",
        "data=",
        "secret,",
        '{"qom-type":"secret"',
        "}",
        "#",
        "chpasswd:\n",
        " list: |\n",
        "Authorization: ",
        "Bearer ",
        "eyJ",
        ".",
        "[redacted]",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "-----BEGIN REDACTED KEY-----",
        "Salt: ",
        SPACED,
        "keyslots",
        '"salt":"',
        "machine h login u password ",
        "sshpass -p ",
        "İ",
        "\udcff",
        "x:",
        ":1:2:3:4:5:6:",
        ":0:0:a:b:c",
        "Private-Lines: 2\n",
        "rocommunity ",
        "password --md5 ",
        "password ",
        "crypt aes ",
        HEX,
        "on",
        "none",
    ]
)
texts = st.lists(pieces, max_size=24).map("".join)
paths = st.sampled_from(
    ["/etc/x", "/etc/shadow", "/etc/passwd", "/boot/grub/menu.lst", "/proc/1/cmdline", "/etc/gshadow"]
)


@settings(max_examples=1500, deadline=None)
@given(paths, texts)
def test_redacting_is_idempotent_and_keeps_the_number_of_lines(path: str, text: str) -> None:
    once = redact_text(path, text, Blanker())
    assert redact_text(path, once, Blanker()) == once
    assert once.count("\n") == text.count("\n")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(paths, texts), max_size=5))
def test_a_blanker_with_a_memory_blanks_as_one_without(documents: list[tuple[str, str]]) -> None:
    blanker = Blanker()
    for path, text in documents:
        assert redact_text(path, text, blanker) == redact_text(path, text, Blanker())


@settings(max_examples=300, deadline=None)
@given(paths, texts.map(lambda text: text.encode("utf-8", "surrogateescape")))
def test_heads_keep_their_length(path: str, data: bytes) -> None:
    once = redact_head(path, data, Blanker())
    assert redact_head(path, once, Blanker()) == once
    if b"PRIVATE KEY-----" not in data:
        assert len(once) == len(data)


@pytest.mark.parametrize(
    "hostile",
    [
        "password" * 40_000,
        " passwd='" * 40_000,
        "-eyJ" * 80_000,
        "://a:b" * 50_000,
        "$1$" * 100_000,
        '"""' * 100_000,
        "<password>" * 30_000,
        "secret,data=" * 25_000,
        "-----BEGIN PRIVATE KEY-----" * 12_000,
        'qom-type":"secret' * 20_000,
        'data":"a"' * 35_000 + "qom-type",
        " " * 300_000 + "passwd=salt:",
        "#" * 300_000 + "passwd",
        "a:" * 150_000,
        "chpasswd:\n a\n" * 20_000,
        "key" * 100_000,
        "salt: " + "aa " * 100_000,
        "x" * 300_000 + "_token=",
        "machine a login b " * 17_000,
        "<env name='" * 30_000 + "password",
        "value='x' " * 30_000 + "password",
        "<cookie><![CDATA[" * 20_000 + "</cookie>",
        "curl -u " * 40_000,
        "cryptomount " * 25_000 + "-p",
        "iscsi:a" * 40_000,
        "iscsi://a" * 30_000 + "%",
        " username=a" * 25_000 + "%",
        "--a-b-c" * 40_000 + "password ",
        "SetCredential=a:\\\n" * 20_000,
        'echo password "' * 20_000,
        "password:\n a\n" * 20_000,
        "priv:\n 00\n" * 25_000,
        "-----BEGIN OpenVPN Static key V1-----\n" * 8_000,
        "secret=[ '" * 30_000,
    ],
)
def test_a_hostile_text_costs_no_more_than_its_size(hostile: str) -> None:
    started = time.process_time()
    for path in ("/etc/grub.d/passwd-shadow", "/etc/netplan/interfaces/ifcfg-fstab.yaml"):
        redact_text(path, hostile, Blanker())
    assert time.process_time() - started < 20  # a text of this size that cost the square of it would take hours


# keys

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, Key] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
BITS = {"rsa": 2048, "ec": 256, "ed25519": 256}


def spki(kind: str) -> str:
    data = KEYS[kind].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(data).hexdigest()


def serialized(
    kind: str,
    form: PrivateFormat,
    encryption: KeySerializationEncryption | None = None,
    encoding: Encoding = Encoding.PEM,
) -> bytes:
    return KEYS[kind].private_bytes(encoding, form, encryption or NoEncryption())


@pytest.mark.parametrize("kind", sorted(KEYS))
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_stand_in_tells_a_key_without_being_one(kind: str, form: PrivateFormat, ends: str) -> None:
    if kind == "ed25519" and form is PrivateFormat.TraditionalOpenSSL:
        pytest.skip("there is no such form")
    pem = serialized(kind, form).decode().replace("\n", ends)
    text = f"before\n{pem}between\n  {pem.replace(ends, ends + '  ')}after\n"
    left = redact_text("/etc/pki/libvirt/private/serverkey.pem", text, Blanker())
    assert stand_ins(left) == [KeyStandIn(kind, BITS[kind], spki(kind))] * 2
    assert left.startswith("before\n")
    assert left.endswith("after\n")
    assert left.count("\n") == text.count("\n")
    assert not any(line in left for line in pem.split(ends)[1:-2])
    assert "PRIVATE KEY" not in left
    assert redact_text("/x.key", left, Blanker()) == left


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_encrypted_key_is_told_as_such(form: PrivateFormat) -> None:
    pem = serialized("ec", form, BestAvailableEncryption(b"x")).decode()
    assert stand_ins(without_keys(pem)) == [KeyStandIn("unreadable", encrypted=True)]


def test_an_encrypted_key_of_openssh_is_told_as_such(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", str(tmp_path / "key")]
    subprocess.run(words, check=True, timeout=60)
    assert stand_ins(without_keys((tmp_path / "key").read_text())) == [KeyStandIn("unreadable", encrypted=True)]


def test_keys_on_one_line_in_json_and_cut_off_are_blanked(tmp_path: Path) -> None:
    pem = serialized("rsa", PrivateFormat.PKCS8).decode()
    middle = pem.split("\n")[3]
    for text in (
        pem.replace("\n", "\\n"),
        pem.replace("\n", " "),
        pem[:400],
        pem[:400] + "\nrest",
        pem.replace("M", "?"),
    ):
        left = redact_text("/etc/x.json", f'{{"key": "{text}"}}', Blanker())
        assert middle not in left
        assert len(stand_ins(left)) == 1
    assert stand_ins(without_keys(pem.replace("\n", "\\n")))[0].spki_sha256 == spki("rsa")
    for label in ("PGP PRIVATE KEY BLOCK", "DSA PRIVATE KEY", "ANY PRIVATE KEY"):
        block = f"-----BEGIN {label}-----\n{PLANTED}\n-----END {label}-----\n"
        assert stand_ins(without_keys(block)) == [KeyStandIn("unreadable")]


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_keys_in_der_are_blanked(kind: str) -> None:
    der = serialized(kind, PrivateFormat.PKCS8, encoding=Encoding.DER)
    text = der.decode("utf-8", "surrogateescape")
    left = redact_text("/etc/x", text, Blanker())
    assert stand_ins(left) == [KeyStandIn(kind, BITS[kind], spki(kind))]
    assert left.count("\n") == text.count("\n")
    assert redact_head("/etc/x", der, Blanker()) == bytes(len(der))
    assert of_der(b"0\x82junk") is None
    encrypted = KEYS[kind].private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert of_der(encrypted) == KeyStandIn("unreadable", encrypted=True)


def test_a_certificate_in_der_stays() -> None:
    public = KEYS["rsa"].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = public.decode("utf-8", "surrogateescape")
    assert redact_text("/etc/x.der", text, Blanker()) == text


# LUKS


def luks1() -> bytes:
    salt, digest = PLANTED.encode()[:8] * 4, PLANTED.encode()[:10] * 2
    header = bytearray(2**14)
    header[:8] = b"LUKS\xba\xbe\x00\x01"
    header[8:11], header[40:51], header[72:78] = b"aes", b"xts-plain64", b"sha256"
    header[104:108], header[108:112] = (16).to_bytes(4, "big"), (64).to_bytes(4, "big")
    header[112:132], header[132:164] = digest, salt
    header[168:204] = b"0f0f0f0f-0000-0000-0000-000000000000"
    for slot in range(8):
        header[208 + 48 * slot : 212 + 48 * slot] = b"\0\xac\x71\xf3"
        header[216 + 48 * slot : 248 + 48 * slot] = salt
    header[4096:4120] = PLANTED.encode() * 2
    header[8192:8197] = b"plain"
    return bytes(header)


def test_a_luks_1_header_keeps_what_judges_it_and_nothing_to_try_passphrases_on() -> None:
    data = luks1()
    deep = qcow2(method=2, extensions=((0x0537BE77, struct.pack(">QQ", 65536, len(data))),)).ljust(65536, b"\0")
    for before in (b"", deep):
        left = redact_head("/dev/x", before + data, Blanker())[len(before) :]
        assert PLANTED.encode()[:8] not in left
        assert (left[:112], left[164:216]) == (data[:112], data[164:216])
        assert left[8192:8197] == b"plain"
        assert len(left) == len(data)


def test_a_luks_2_header_loses_salts_and_digests_and_stays_json() -> None:
    binary = bytearray(4096)
    binary[:8] = b"LUKS\xba\xbe\x00\x02"
    binary[8:16] = (16384).to_bytes(8, "big")
    binary[104:168] = PLANTED.encode().ljust(64, b"x")
    slots = f'{{"0":{{"kdf":{{"type":"argon2id","salt":"{B64}"}}}}}}'
    json = f'{{"keyslots":{slots},"digests":{{"0":{{"digest":"{B64}"}}}}}}'
    first = bytes(binary) + json.encode().ljust(16384 - 4096, b"\0")
    data = first + first.replace(b"LUKS", b"SKUL", 1) + PLANTED.encode() * 100
    left = without_salts(data)
    assert len(left) == len(data)
    assert PLANTED.encode() not in left
    assert B64.encode()[:12] not in left
    assert b'"type":"argon2id","salt":"AAAA' in left
    assert left == without_salts(left) == redact_head("/dev/x", data, Blanker())


@pytest.mark.parametrize("cut", [0, 4, 8, 100, 150, 600, 5000])
def test_a_header_that_is_cut_off_does_no_harm(cut: int) -> None:
    left = redact_head("/dev/x", luks1()[:cut], Blanker())
    assert len(left) == cut
    assert PLANTED.encode()[:8] not in left


# the wrapper, and what it is for


def test_the_wrapper_passes_on_what_is_no_text() -> None:
    inner = Made(
        files={"/a": f"psk={PLANTED}", "/b": b"plain", "/sasldb2": PLANTED},
        commands={("ps",): f"x password={PLANTED}"},
    )
    source = Redacted(inner)
    assert (source.name, source.taken_at) == (inner.name, inner.taken_at)
    assert source.read("/a").text == "psk=[redacted]"
    assert source.read("/b") == inner.read("/b")
    assert source.head("/a", 10).data == bytes(10)
    assert source.head("/sasldb2", 5).data == bytes(5)
    assert source.run("ps").stdout == "x password=[redacted]"
    assert source.glob("/?") == ["/a", "/b"]
    assert source.stat("/a").path == "/a"
    assert isinstance(source.taken_at, datetime)
    source.fetch([running("ps")])
    with pytest.raises(Absent):
        source.read("/none")


def test_a_file_of_null_bytes_is_no_text_but_a_process_and_a_key_may_hold_some() -> None:
    held = {"/etc/libvirt/qemu.conf": "\0" * 9, "/proc/7/cmdline": "a\0b\0", "/etc/pki/CA/cacert.pem": "0\0"}
    source = Redacted(Made(files=held))
    with pytest.raises(Unknown, match=r"qemu.conf holds null bytes"):
        source.read("/etc/libvirt/qemu.conf")
    for path in ("/proc/7/cmdline", "/etc/pki/CA/cacert.pem"):
        assert source.read(path).text == held[path]


@pytest.mark.parametrize("name", ["recording", "recording.gz"])
def test_no_secret_of_any_kind_is_in_a_recording(tmp_path: Path, name: str) -> None:
    pem = {kind: serialized(kind, PrivateFormat.PKCS8).decode() for kind in KEYS}
    files: dict[str, str | bytes] = {f"/{number}{path}": text for number, (path, text, _) in enumerate(TEXTS)}
    files |= {f"/etc/pki/{kind}.pem": text for kind, text in pem.items()}
    files |= {
        "/dev/disk": luks1(),
        "/etc/pki/k.der": serialized("rsa", PrivateFormat.PKCS8, encoding=Encoding.DER),
    }
    commands = {argv: text for argv, text, _ in OUTPUTS}
    recorder = Recorder(Redacted(Made(files=files, commands=commands)))
    for path in files:
        recorder.head(path, 2**15)
        if not path.startswith("/dev/"):
            recorder.read(path)
    for argv in commands:
        recorder.run(*argv)
    recorder.write(str(tmp_path / name))
    written = (tmp_path / name).read_bytes()
    plain = gzip.decompress(written) if name.endswith(".gz") else written
    for secret in (PLANTED, PLANTED[:8], HASHED, HEX, B64, CEPH, WIREGUARD, SPACED):
        assert secret.encode() not in plain
        assert base64.b64encode(secret.encode())[:12] not in plain
    for kind, text in pem.items():
        assert not any(line.encode() in plain for line in text.split("\n")[1:-2])
        assert spki(kind).encode() in plain
    left = Snapshot(str(tmp_path / name))
    assert left.read(next(path for path in files if path.endswith("/passwd.db"))).text == "[redacted: 26 bytes]\n"
    assert os.stat(tmp_path / name).st_mode & 0o777 == 0o600

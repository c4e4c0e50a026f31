"""Edits of line-oriented files, asked of the programs that read them where these are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from virtwarden.edits import AddLine, Edit, RemoveLine, SetLine
from virtwarden.formats import auditrules, keyvalue, sshdconf
from virtwarden.formats.keyvalue import sysctl_key
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply

SYSCTL = "/etc/sysctl.d/99-site.conf"
AUDITD = "/etc/audit/auditd.conf"
RULES = "/etc/audit/rules.d/10-base.rules"
SSHD = "/etc/ssh/sshd_config"
MODPROBE = "/etc/modprobe.d/zz.conf"
SELINUX = "/etc/selinux/config"
SASL = "/etc/sasl2/libvirt.conf"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-br0"


def made(edit: Edit, text: str | None, path: str) -> str:
    result = apply(edit, text, Document("file", path))
    assert result is not None
    return result


ON = "net.ipv4.ip_forward=1"
FORWARD = SetLine("net.ipv4.ip_forward", "0")
DOTTED = SetLine("net.ipv4.conf.eth0/19.forwarding", "0")
NESTED = SetLine("options kvm_intel nested", "0", "=")
ENFORCING = SetLine("SELINUX", "enforcing", "=")
MECHANISM = SetLine("mech_list", "gssapi", ": ")
STP = SetLine("STP", "no", "=")
BACKLOG = SetLine("-b", "8192", " ")


@pytest.mark.parametrize(
    ("path", "edit", "text", "expected"),
    [
        (SYSCTL, FORWARD, None, "net.ipv4.ip_forward = 0\n"),
        (SYSCTL, FORWARD, "a = 1", "a = 1\nnet.ipv4.ip_forward = 0\n"),
        (SYSCTL, FORWARD, "a = 1\r\n", "a = 1\r\nnet.ipv4.ip_forward = 0\r\n"),
        (SYSCTL, FORWARD, " -net/ipv4/ip_forward=1  \n# z\n", " -net/ipv4/ip_forward=0  \n# z\n"),
        (SYSCTL, FORWARD, f"{ON}\n{ON}\n", f"{ON}\nnet.ipv4.ip_forward=0\n"),
        (SYSCTL, FORWARD, f"#{ON}\nz = 1\n", f"#{ON}\nnet.ipv4.ip_forward = 0\nz = 1\n"),
        (SYSCTL, FORWARD, f"; {ON}", f"; {ON}\nnet.ipv4.ip_forward = 0\n"),
        (SYSCTL, FORWARD, "net.ipv4.ip_forward =\n", "net.ipv4.ip_forward =0\n"),
        (SYSCTL, DOTTED, "net/ipv4/conf/eth0.19/forwarding = 1\n", "net/ipv4/conf/eth0.19/forwarding = 0\n"),
        (SYSCTL, DOTTED, "net.ipv4.conf.eth0/19.forwarding = 1\n", "net.ipv4.conf.eth0/19.forwarding = 0\n"),
        (AUDITD, SetLine("num_logs", "5"), "Num_Logs = 2\n", "Num_Logs = 5\n"),
        (AUDITD, SetLine("num_logs", "5"), "##num_logs = 2\n", "##num_logs = 2\nnum_logs = 5\n"),
        (RULES, BACKLOG, "-D\n-b 64\n-w /etc -p wa\n", "-D\n-b 8192\n-w /etc -p wa\n"),
        (RULES, BACKLOG, "-b64\n", "-b8192\n"),
        (RULES, BACKLOG, "-D\n-e 2\n", "-D\n-b 8192\n-e 2\n"),
        (RULES, BACKLOG, "-a always,exit -F dir=/b -k b\n", "-a always,exit -F dir=/b -k b\n-b 8192\n"),
        (MODPROBE, NESTED, "options kvm_intel nested=1 ept=1\n", "options kvm_intel nested=0 ept=1\n"),
        (MODPROBE, NESTED, "options kvm-intel ept=1 nested=Y # x\n", "options kvm-intel ept=1 nested=0 # x\n"),
        (MODPROBE, NESTED, "options kvm nested=1\n", "options kvm nested=1\noptions kvm_intel nested=0\n"),
        (MODPROBE, NESTED, "options kvm_intel nested\n", "options kvm_intel nested\noptions kvm_intel nested=0\n"),
        (SELINUX, ENFORCING, "# SELINUX= is any\nSELINUX=disabled\n", "# SELINUX= is any\nSELINUX=enforcing\n"),
        (SELINUX, ENFORCING, "SELINUX=permissive\nSELINUX=x\n", "SELINUX=enforcing\nSELINUX=x\n"),
        (SELINUX, ENFORCING, " SELINUX=disabled\n", " SELINUX=disabled\nSELINUX=enforcing\n"),
        (SASL, MECHANISM, "# one\nMech_List:  digest-md5\n", "# one\nMech_List:  gssapi\n"),
        (SASL, MECHANISM, "mech_list: a\nmech_list: b\n", "mech_list: gssapi\nmech_list: b\n"),
        (SASL, MECHANISM, "#mech_list: a\nkeytab: /k\n", "#mech_list: a\nmech_list: gssapi\nkeytab: /k\n"),
        (IFCFG, STP, "STP=yes # why\n", "STP=no # why\n"),
        (IFCFG, STP, 'export STP="yes"\n', 'export STP="no"\n'),
        (IFCFG, STP, "STP='yes'; DELAY=0\n", "STP='no'; DELAY=0\n"),
        (IFCFG, STP, "STP=\n", "STP=no\n"),
        (IFCFG, STP, 'STP="yes\n', 'STP="yes\nSTP=no\n'),
        (IFCFG, SetLine("BRIDGE_STP", "'off'", "="), 'BRIDGE_STP="on"\n', 'BRIDGE_STP="off"\n'),
        (IFCFG, SetLine("BRIDGE_STP", "'off'", "="), "BRIDGE_STP=on\n", "BRIDGE_STP='off'\n"),
        (IFCFG, SetLine("NAME", "a b", "="), "NAME=x\n", "NAME='a b'\n"),
        (IFCFG, SetLine("NAME", "a b", "="), "", "NAME='a b'\n"),
        (IFCFG, SetLine("NAME", "$x", "="), 'NAME="y"\n', "NAME=$x\n"),
    ],
)  # fmt: skip
def test_a_setting_goes_where_it_holds(path: str, edit: SetLine, text: str | None, expected: str) -> None:
    assert made(edit, text, path) == expected
    assert made(edit, expected, path) == expected


ROOT = SetLine("PermitRootLogin", "no", " ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("permitrootlogin  yes # why\n", "permitrootlogin  no # why\n"),
        ('PermitRootLogin="yes"\n', "PermitRootLogin=no\n"),
        ("\tPermitRootLogin yes\r\nUsePAM yes\r\n", "\tPermitRootLogin no\r\nUsePAM yes\r\n"),
        ("UsePAM yes\n", "UsePAM yes\nPermitRootLogin no\n"),
        ("#PermitRootLogin yes\nUsePAM yes\n", "#PermitRootLogin yes\nPermitRootLogin no\nUsePAM yes\n"),
        ("UsePAM yes\nMatch User a\n  Banner a", "UsePAM yes\nPermitRootLogin no\nMatch User a\n  Banner a"),
        ("Match User a\n  PermitRootLogin yes\n", "PermitRootLogin no\nMatch User a\n  PermitRootLogin yes\n"),
        ("Match User a\n#PermitRootLogin no\n", "PermitRootLogin no\nMatch User a\n#PermitRootLogin no\n"),
        ("Include x.conf\nUsePAM yes\n", "PermitRootLogin no\nInclude x.conf\nUsePAM yes\n"),
        (
            "Include x.conf\nPermitRootLogin yes\n",
            "PermitRootLogin no\nInclude x.conf\nPermitRootLogin no\n",
        ),
        ("PermitRootLogin yes\nInclude x.conf\n", "PermitRootLogin no\nInclude x.conf\n"),
        (
            "PermitRootLogin yes\nMatch User a\nMatch all\nPermitRootLogin yes\n",
            "PermitRootLogin no\nMatch User a\nMatch all\nPermitRootLogin no\n",
        ),
    ],
)  # fmt: skip
def test_sshd_hears_the_first_and_matches_reach_to_the_end(text: str, expected: str) -> None:
    assert made(ROOT, text, SSHD) == expected
    assert made(ROOT, expected, SSHD) == expected


@pytest.mark.parametrize(
    ("path", "line", "text", "expected"),
    [
        (RULES, "-w /x -p wa", None, "-w /x -p wa\n"),
        (RULES, "-w /x -p wa", "-D", "-D\n-w /x -p wa\n"),
        (RULES, "-w /x -p wa", "  -w /x -p wa \n", "  -w /x -p wa \n"),
        (RULES, "-w /x -p wa", "#-w /x -p wa\n-e 2\n", "#-w /x -p wa\n-w /x -p wa\n-e 2\n"),
        ("/etc/modules-load.d/x.conf", "br_netfilter", "loop\r\n", "loop\r\nbr_netfilter\r\n"),
    ],
)
def test_a_line_is_added_once(path: str, line: str, text: str | None, expected: str) -> None:
    assert made(AddLine(line), text, path) == expected
    assert made(AddLine(line), expected, path) == expected


@pytest.mark.parametrize(
    ("path", "key", "text", "expected"),
    [
        ("/etc/qemu/bridge.conf", "allow all", "allow br0\n allow all\ninclude /x\n", "allow br0\ninclude /x\n"),
        ("/etc/qemu/bridge.conf", "allow all", "# allow all\nallow all", "# allow all\n"),
        (SYSCTL, "kernel.sysrq", "-kernel/sysrq=1\r\na = 1\r\nkernel.sysrq = 0", "a = 1\r\n"),
        (RULES, "-e", "-D\n-e 0\n", "-D\n"),
        (RULES, "-w /x -p wa", "-w /x -p wa\n-w /x -p wa -k y\n", "-w /x -p wa -k y\n"),
        (IFCFG, "STP", "STP=yes\nSTPX=1\n", "STPX=1\n"),
        (MODPROBE, "options kvm nested=1", "options kvm nested=1\noptions kvm x=1\n", "options kvm x=1\n"),
        (MODPROBE, "options kvm nested", "options kvm nested=1 x=1\n", "options kvm nested=1 x=1\n"),
        (SSHD, "UseDNS", "usedns yes\nMatch User a\nUseDNS yes\n", "Match User a\nUseDNS yes\n"),
    ],
)  # fmt: skip
def test_a_line_or_a_setting_is_taken_out(path: str, key: str, text: str, expected: str) -> None:
    assert made(RemoveLine(key), text, path) == expected
    assert made(RemoveLine(key), expected, path) == expected


@pytest.mark.parametrize("edit", [AddLine("a\nb"), SetLine("a", "1\nb = 2"), SetLine("a", "1\r")])
def test_one_line_is_one_line(edit: Edit) -> None:
    with pytest.raises(CannotApply, match="several"):
        apply(edit, "", Document("file", SYSCTL))


def test_a_file_that_sshd_refuses_is_not_touched() -> None:
    with pytest.raises(CannotApply, match="sshd_config: sshd does not start with this file: line 1"):
        apply(ROOT, 'PermitRootLogin "yes\n', Document("file", SSHD))


NAMES = st.sampled_from(["alpha", "beta", "gamma"])
VALUES = st.text("ab01./_", min_size=1, max_size=4)
BLANKS = st.text(" \t", max_size=2)
ENDS = st.sampled_from(["\n", "\n", "\n\n", "\r\n"])
COMMENTS = st.one_of(VALUES, NAMES.map(lambda name: f"{name} = 1")).map(lambda text: f"#{text}")


def files(form: str) -> st.SearchStrategy[str]:
    setting = st.tuples(NAMES, VALUES, BLANKS).map(lambda parts: form.format(*parts))
    rows = st.tuples(st.one_of(setting, COMMENTS, BLANKS), ENDS).map("".join)
    return st.tuples(st.lists(rows, max_size=6).map("".join), st.one_of(st.just(""), setting)).map("".join)


def lost(text: str, after: str) -> str:
    """What of a text is no more, all that stands around it being kept."""
    start = same(text, after)
    return text[start : len(text) - same(text[start:][::-1], after[start:][::-1])]


def same(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def held(text: str, path: str) -> dict[str, str]:
    """What the readers of our own say that a file sets."""
    if path == SSHD:
        return {key: found[0].value for key, found in sshdconf.effective(sshdconf.parse(text)).items()}
    if path == SASL:
        return {pair.key: pair.value for pair in reversed(keyvalue.settings(text, ":"))}
    if path == IFCFG:
        return {pair.key: pair.value for pair in keyvalue.assignments(text)}
    comments = "#;" if path == SYSCTL else "#"
    return {sysctl_key(pair.key): pair.value for pair in keyvalue.settings(text, "=", comments)}


FORMS = {
    SYSCTL: ("{2}-{0}{2}={2}{1}{2}", " = "),
    AUDITD: ("{2}{0}{2}={2}{1}{2}", " = "),
    SASL: ("{2}{0}:{2}{1}{2}", ": "),
    IFCFG: ("{2}{0}={1}{2}", "="),
    SSHD: ("{2}{0} {1}{2}", " "),
}


@pytest.mark.parametrize("path", FORMS)
@settings(max_examples=60)
@given(data=st.data(), key=NAMES, other=NAMES, value=VALUES)
def test_what_was_put_is_what_is_got(path: str, data: st.DataObject, key: str, other: str, value: str) -> None:
    form, separator = FORMS[path]
    text = data.draw(files(form))
    one = SetLine(key, value, separator)
    after = made(one, text, path)
    assert held(after, path) == held(text, path) | {key: value}
    assert made(one, after, path) == after
    assert "\n" not in lost(text, after).rstrip("\r\n")
    if key != other:
        two = SetLine(other, "x", separator)
        assert held(made(two, after, path), path) == held(made(one, made(two, text, path), path), path)


@settings(max_examples=60)
@given(text=files("{2}-w /{0} -p {1}{2}"), name=NAMES)
def test_a_rule_that_was_added_and_taken_out_leaves_no_trace(text: str, name: str) -> None:
    rule = f"-w /{name}/new -p wa"
    assume((not text or text.endswith("\n")) and "\r" not in text)
    added = made(AddLine(rule), text, RULES)
    assert rule in [each.text for each in auditrules.parse(added).rules]
    assert made(RemoveLine(rule), added, RULES) == text


def asked(argv: list[str]) -> str:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def privilege_separation() -> Iterator[None]:
    """The directory without which sshd says nothing; the service makes it, and no service runs here."""
    place = Path("/run/sshd")
    if place.is_dir():
        yield
        return
    if os.geteuid() != 0:
        pytest.skip("sshd answers only where /run/sshd is, which root makes")
    place.mkdir(mode=0o755)
    yield
    place.rmdir()


@pytest.mark.usefixtures("privilege_separation")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "PermitRootLogin yes\n",
        "Include {0}/more\nPermitRootLogin yes\nMatch User nobody\n\tPermitRootLogin yes\n",
        "Port 22\nMatch User nobody\n\tX11Forwarding no\nMatch all\n\tPermitRootLogin yes\n",
        "#PermitRootLogin yes\nmatch address 192.0.2.1\nPermitRootLogin yes\n",
        'permitrootlogin = "without-password" # why\n',
    ],
)
def test_sshd_itself_hears_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "more").write_text("PermitRootLogin yes\n")
    asked(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{tmp_path}/key"])
    file = tmp_path / "sshd_config"
    file.write_text(made(ROOT, text.format(tmp_path), SSHD))
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin") or pytest.skip("sshd is not installed")
    said = asked([sshd, "-T", "-f", str(file), "-h", f"{tmp_path}/key"])
    assert "permitrootlogin no" in said.splitlines()


@pytest.mark.parametrize(
    "text", ["", "STP=yes\n", 'STP="yes"\nSTP=on # x\n', "export STP='a b'; DELAY=0\n", "STP=y\\ es\n", "STP\n"]
)
def test_a_shell_itself_reads_it(tmp_path: Path, text: str) -> None:
    for value in ("no", "a b", "it's", '$HOME \\ "x"'):
        (tmp_path / "ifcfg").write_text(made(SetLine("STP", value, "="), text, IFCFG))
        said = asked(["sh", "-c", 'STP() { :; }; . "$1"; printf %s "$STP"', "sh", f"{tmp_path}/ifcfg"])
        assert said == value


@pytest.mark.parametrize(
    "text", ["", "-kernel/hostname=1\n", "#kernel.hostname=a\nkernel.hostname = 1\nkernel.hostname=2\n"]
)
def test_sysctl_itself_reads_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.conf").write_text(made(SetLine("kernel.hostname", "kvm1"), text, SYSCTL))
    if "--dry-run" not in asked(["sysctl", "--help"]):
        pytest.skip("this sysctl has no --dry-run")
    assert asked(["sysctl", "--dry-run", "-p", f"{tmp_path}/x.conf"]).splitlines()[-1] == "kernel.hostname = kvm1"

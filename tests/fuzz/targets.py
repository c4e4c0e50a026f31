"""Everything that reads what others wrote, with a few honest inputs to spoil.

To add a parser, add a line to `TARGETS`: its name, a function of bytes, and seeds. A target may raise what its
`refuses` names, and nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from tests.events import fuzzing as auditlogs
from tests.formats import headers
from tests.kit import NOW
from tests.report.made import report
from tests.report.madeplan import plan
from tests.sources import fuzzing
from virtwarden.edits import Edit, InsertElement, RemoveElement, RemoveLine, SetAttribute, SetConf, SetLine
from virtwarden.formats import (
    Malformed,
    auditfields,
    auditrules,
    certificate,
    cgconfig,
    columns,
    ebtables,
    exports,
    filecontexts,
    ini,
    keyvalue,
    luks,
    nftables,
    partitions,
    pem,
    qcow2,
    selabel,
    sockets,
    sshdconf,
    virconf,
    xmlspans,
    xmltext,
)
from virtwarden.journal.records import (
    Activating,
    Applied,
    Begun,
    RolledBack,
    Touched,
    Undoing,
    Undone,
    Writing,
    Written,
)
from virtwarden.journal.sealing import Sealer
from virtwarden.journal.transaction import BadJournal, told_by
from virtwarden.model import Activation, Document, Plan, Rewrite, Safety
from virtwarden.report import FORMATS, jsonreport, planjson, plantext, text
from virtwarden.report.planjson import BadPlan
from virtwarden.sources import SourceError
from virtwarden.sources.tarstream import Damaged
from virtwarden.splice import CannotApply, apply_all


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test. `words` are pieces of its grammar that mutation may put in."""

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    refuses: tuple[type[Exception], ...] = (Malformed,)


def of_text(
    name: str,
    parse: Callable[[str], object],
    seeds: Sequence[str],
    words: str = "",
    refuses: tuple[type[Exception], ...] = (Malformed,),
) -> Target:
    """A parser of text, given the text the way sources read it; `words` is split at blanks."""

    def run(data: bytes) -> object:
        return parse(data.decode("utf-8", "surrogateescape"))

    encoded = tuple(seed.encode() for seed in seeds)
    return Target(name, run, encoded, tuple(word.encode() for word in words.split()), refuses)


VIRCONF = """\
# a comment
user = "qemu" ; group='qemu'  # another
vnc_tls = 1
max_processes = -12
cgroup_device_acl = [
    "/dev/null", "/dev/full",
    '/dev/zero', [1, 2],
]
banner = \"\"\"two
lines\"\"\"
"""
XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- kept by hand -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web &amp; more &#x41;</name>
  <devices><disk type='file'><source file="/a b"/></disk></devices>
  <qemu:commandline><![CDATA[ <x> ]]></qemu:commandline>
</domain>
"""
SHELL = """\
# /etc/default/something
export LIBVIRTD_ARGS="--listen --config \\"/etc/x\\""
A='single $not' B=two
GRUB_CMDLINE_LINUX="$A audit=1"
GRUB_CMDLINE_LINUX+=" quiet" # why
LONG=one\\
two
if [ -x /bin/true ]; then C=1; fi
"""
UNIT = """\
[Unit]
Description=Something \\
  # in between
  long
[Service]
ExecStart=
ExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS
; gone
Environment="A=b c"
"""
SSHD = """\
Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin=no
AllowUsers admin "op erator" # who
Match User virt Address 192.0.2.0/24
    AllowTcpForwarding local
    PermitOpen 127.0.0.1:5900 127.0.0.1:5901
Match all
X11Forwarding no
"""
AUDIT = """\
## First rule - delete all
-D
-b 8192
--backlog_wait_time 60000
-w /etc/libvirt/ -p wa -k virt_libvirt_cfg
-a always,exit -F arch=b64 -S openat,open -S 2 -F exit=-EACCES -F auid>=1000 -F auid!=unset -F key=access
-a exit,never -F dir=/dev/pts -F perm=wr -F subj_type=svirt_t
-a always,exit -F arch=b32 -S open -C auid!=obj_uid -F a0&=0x40 -k x
-e 2
"""
AUDIT_LISTING = """\
-w /etc/libvirt/ -p wa -k virt_libvirt_cfg
-a always,exit -F arch=b64 -S open,openat -F exit=-EACCES -F auid>=1000 -F auid!=-1 -F key=access
LIST_RULES: exit,always arch=3221225534 (0xc000003e) auid>=500 (0x1f4) key=time syscall=adjtimex,settimeofday
LIST_RULES: exit,always watch=/etc/group perm=wa key=identity
No rules
"""
CGCONFIG = """\
mount { cpu = /cgroup/cpu; "name=systemd" = /cgroup/systemd; }
group daemons/www {
    perm { task { uid = root; gid = webmaster; } admin { uid = root; gid = root; } }
    cpu { cpu.shares = "1000"; }  # half
}
default { perm { task { uid = root; } } }
"""
CGRULES = "student devices /usergroup/students\n@admin:cp cpu,memory admins/ ignore\n%  cpuset x\n"
FSTAB = """\
# what where as
UUID=1-2 / ext4 defaults,errors=remount-ro 0 1
//srv/my\\040share /mnt/a\\040b cifs _netdev 0 0
/dev/sr0 /media iso9660
"""
CRYPTTAB = "swap /dev/vda2 /dev/urandom swap,cipher=aes-xts-plain64\nguest UUID=1 none luks,noauto\n"
SWAPS = "Filename\t\tType\t\tSize\tUsed\tPriority\n/dev/dm-1\t\tpartition\t2097148\t0\t-2\n"
PASSWD = "root:x:0:0:root:/root:/bin/bash\nlibvirt-qemu:x:64055:109::/var/lib/libvirt:/sbin/nologin\n+::::::\n"
GROUP = "root:x:0:\nkvm:x:109:qemu,libvirt-qemu\n"
SS = """\
udp   UNCONN 0      0       127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=13))
tcp   LISTEN 0      128              [::]:22            [::]:*    users:(("sshd",pid=80,fd=4),("init",pid=1,fd=9))
tcp   LISTEN 0      4096  [::ffff:127.0.0.1]:5900           *:*    users:(("a " b",pid=7,fd=1))
"""
PROC_NET = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:170C 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 31337 1 0000
   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 20011
"""
PEM = """\
subject=CN = host
-----BEGIN CERTIFICATE-----
MIIB
-----END CERTIFICATE-----
-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED

MIIC
-----END RSA PRIVATE KEY-----
"""

CERTIFICATE = (
    "MIIBoDCCAUWgAwIBAgIBBzAKBggqhkjOPQQDAjAmMRUwEwYDVQQKDAxFeGFtcGxlLCBJbmMxDTALBgNVBAMMBGt2bTEwHhcNMjYw"
    "MTAxMDAwMDAwWhcNMjcwMTAxMDAwMDAwWjAmMRUwEwYDVQQKDAxFeGFtcGxlLCBJbmMxDTALBgNVBAMMBGt2bTEwWTATBgcqhkjO"
    "PQIBBggqhkjOPQMBBwNCAASFgW8oq9c9UjZeWjhxxi3p5+OUjtZ1Pbpal2N5pmDeb/xHGxKS/YMejLkLkg1uS7iezQhd9E0muGR+"
    "jl0fJbYno2QwYjASBgNVHRMBAf8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBpjAdBgNVHSUEFjAUBggrBgEFBQcDAQYIKwYBBQUH"
    "AwIwHQYDVR0RBBYwFIIMa3ZtMS5leGFtcGxlhwTAAAIBMAoGCCqGSM49BAMCA0kAMEYCIQDb0Ayo6E4MKPjw6hQCmmc5Jyc0Nv3U"
    "NnKzaVxtHXIi9gIhANdU8ASVdhZQ2NwOsEQjWJZoOTPlHGgKRS/1qrK5V97U"
)
REVOCATIONS = (
    "MIHDMGsCAQEwCgYIKoZIzj0EAwIwJjEVMBMGA1UECgwMRXhhbXBsZSwgSW5jMQ0wCwYDVQQDDARrdm0xFw0yNjAxMDEwMDAwMDBa"
    "Fw0yNjAxMzEwMDAwMDBaMBQwEgIBCRcNMjYwMTAxMDAwMDAwWjAKBggqhkjOPQQDAgNIADBFAiEA8/ObBLjsxGp368UU2Tc1cgCi"
    "c0boEBxap59xirdghLcCIDANBgG6WIME/acKBuNZFHWnuEEtAJazX+HWq4ReKohF"
)
EBTABLES = """\
# Generated by ebtables-save
*nat
:PREROUTING ACCEPT
:libvirt-I-vnet0 ACCEPT
-A PREROUTING -i vnet0 -j libvirt-I-vnet0
-A libvirt-I-vnet0 -s ! 52:54:00:12:34:01 -p ARP --arp-ip-src 192.0.2.21/255.255.255.0 -j DROP
-A libvirt-I-vnet0 -p IPv4 --ip-proto udp --ip-sport 68 -c 7 9 -j RETURN
*filter
:FORWARD DROP
"""
NFT = """\
{"nftables": [{"metainfo": {"json_schema_version": 1}}, {"table": {"family": "bridge", "name": "t", "handle": 1}},
{"chain": {"family": "bridge", "table": "t", "name": "pre", "handle": 1, "type": "filter", "hook": "prerouting",
"prio": -300, "policy": "accept"}},
{"set": {"family": "bridge", "name": "macs", "table": "t", "type": "ether_addr", "elem": ["52:54:00:12:34:01"]}},
{"rule": {"family": "bridge", "table": "t", "chain": "pre", "handle": 4, "expr": [
{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "vnet0"}},
{"match": {"op": "!=", "left": {"payload": {"protocol": "ether", "field": "saddr"}}, "right": {"set": ["@macs"]}}},
{"counter": {"packets": 0, "bytes": 0}}, {"drop": null}]}}]}
"""
FILE_CONTEXTS = """\
/.*\tsystem_u:object_r:default_t:s0
/var/lib/libvirt/images(/.*)?\tsystem_u:object_r:virt_image_t:s0
/dev/vd[^/]*\t-b\tsystem_u:object_r:fixed_disk_device_t:s0
/tmp/.*\t<<none>>
"""
PARTITIONS = bytes(446) + bytes.fromhex("80000000830000000008000000e80300") + bytes(48) + b"\x55\xaa"


XML_FILE, CONF_FILE = Document("domain", "web"), Document("file", "/etc/libvirt/qemu.conf")
XML_EDITS: tuple[Edit, ...] = (
    SetAttribute("devices/disk", "rawio", "no"),
    InsertElement("devices/disk[1]", "<driver name='qemu'/>"),
    RemoveElement("devices/disk[2]"),
    RemoveElement("name"),
)
CONF_EDITS: tuple[Edit, ...] = (SetConf("vnc_tls", 0), SetConf("new", ("a",)), RemoveLine("user"))
LINE_EDITS: tuple[Edit, ...] = (SetLine("a", "2", "="), RemoveLine("b"))
LINE_WORDS = "= : # \" ' \\ ; -- Match Include options"
LINE_FILES = {
    Document("file", "/etc/ssh/sshd_config"): SSHD,
    Document("file", "/etc/audit/rules.d/x.rules"): AUDIT,
    Document("file", "/etc/default/x"): SHELL,
    Document("file", "/etc/sysctl.conf"): "-net/ipv4/a = 1\n#a = 1\n",
    Document("file", "/etc/modprobe.d/x.conf"): "options a b=1 c\n",
    Document("boot", "/etc/default/grub"): 'GRUB_CMDLINE_LINUX="a=1 -- b" # c\n',
    Document("boot", "/boot/loader/entries/x.conf"): "options $kernelopts a=1\n",
}


def edited(document: Document, edits: Sequence[Edit], text: str) -> str | None:
    """A text after edits."""
    return apply_all(edits, text, document)


PLAN = planjson.dumps(
    Plan("kvm1", "/", NOW, "0", "baseline", rewrites=(Rewrite(CONF_FILE, CONF_EDITS, ("x",), Safety.SAFE),))
).encode()
JOURNAL = b"".join(
    msgspec.json.encode(record) + b"\n"
    for record in (
        Begun("20260101-000000", NOW, "0", "kvm1", "/", "root", 1),
        Writing(1, CONF_FILE, "", "", CONF_EDITS),
        Written(1, ""),
        Activating(2, Activation("restart", "libvirtd"), (Touched(CONF_FILE, ""),)),
        Applied(NOW, 1.0, "boot"),
        Undoing(NOW, "asked for"),
        Undone(1),
        RolledBack(NOW),
    )
)


def in_armour(label: str, parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """A parser of one PEM block, given what is inside the armour."""
    return lambda data: parse(
        f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n"
    )


TARGETS: tuple[Target, ...] = (
    of_text("virconf", virconf.parse, [VIRCONF], '= [ ] , ; # \' " """ 18446744073709551616 -1'),
    of_text(
        "xmltext",
        xmltext.parse,
        [XML],
        "<!DOCTYPE <!ENTITY <![CDATA[ ]]> &a; &#0; <?xml encoding='UTF-16' xmlns:a=''",
    ),
    Target("xmlspans", xmlspans.parse, (XML.encode(),), (b"<!DOCTYPE", b"<![CDATA[", b"]]>", b"<?", b"xmlns:a")),
    of_text("splice-xml", partial(edited, XML_FILE, XML_EDITS), [XML], "<a/> </devices> <!-- -->", (CannotApply,)),
    of_text("splice-conf", partial(edited, CONF_FILE, CONF_EDITS), [VIRCONF], "= [ ] ; # '", (CannotApply,)),
    *(
        of_text(
            f"splice{document.name}", partial(edited, document, LINE_EDITS), [seed], LINE_WORDS, (CannotApply,)
        )
        for document, seed in LINE_FILES.items()
    ),
    of_text("assignments", keyvalue.assignments, [SHELL], "A=$A$A export += ' \" \\ ; # ${A}"),
    of_text("settings", keyvalue.settings, ["max_log_file = 8\n#x\nflush = INCREMENTAL_ASYNC\n"]),
    of_text("sysctl_key", keyvalue.sysctl_key, ["-net/ipv4/conf/eth0.1/forwarding"]),
    of_text("ini", ini.parse, [UNIT], "[ ] = \\ # ;"),
    of_text("sshdconf", sshdconf.parse, [SSHD], "Match all Include = \" ' \\ #"),
    of_text(
        "auditrules", auditrules.parse, [AUDIT], "-a -w -W -k -F -S -C -p always,exit key= != >= &= 0x --signal"
    ),
    of_text("auditrules-listing", auditrules.listing, [AUDIT_LISTING], "LIST_RULES: (0x syscall= watch= key="),
    of_text(
        "auditfields", lambda text: auditfields.field(text, "exit"), ["auid!=4294967295", "exit=-EPERM", "a0&=0x1"]
    ),
    of_text("cgconfig", cgconfig.parse, [CGCONFIG], '{ } = ; " # group'),
    of_text("cgrules", cgconfig.rules, [CGRULES]),
    of_text("mounts", columns.mounts, [FSTAB]),
    of_text("crypttab", columns.crypttab, [CRYPTTAB]),
    of_text("swaps", columns.swaps, [SWAPS]),
    of_text("passwd", columns.passwd, [PASSWD]),
    of_text("group", columns.group, [GROUP]),
    of_text("ss", sockets.ss, [SS], 'users:(( ("a",pid=1,fd=2) [::] % : *'),
    of_text("proc-net", lambda text: sockets.proc_net(text, "tcp"), [PROC_NET], "FFFFFFFF : 0A"),
    of_text("pem", pem.parse, [PEM], "-----BEGIN -----END ----- PRIVATE"),
    Target("luks", luks.parse, (headers.luks1(), headers.luks2()), (b'"segments"', b"{", b"[", b'"', b"\xff" * 8)),
    Target(
        "qcow2", qcow2.parse, (headers.qcow2(), headers.qcow1()), (b"\xff" * 8, b"\xe2\x79\x2a\xca", b"\0" * 8)
    ),
    Target("magic", qcow2.magic, (headers.qcow2(), headers.luks1(), b"KDMV", b"vhdxfile")),
    of_text(
        "certificate-text",
        certificate.certificate,
        [f"-----BEGIN CERTIFICATE-----\n{CERTIFICATE}\n-----END CERTIFICATE-----\n"],
    ),
    Target("certificate", in_armour("CERTIFICATE", certificate.certificate), (base64.b64decode(CERTIFICATE),)),
    Target("revocations", in_armour("X509 CRL", certificate.revocation_list), (base64.b64decode(REVOCATIONS),)),
    of_text("ebtables", ebtables.parse, [EBTABLES], "-A -p -s ! -j --ip-src --arp-ip-src 0x806/0xffff \" ' :"),
    of_text(
        "exports",
        exports.parse,
        ['/srv/vm -ro a(rw,no_root_squash) \\\n "b c"(rw)\n/x\\040y (ro)\n'],
        '( ) , " - # \\',
    ),
    of_text(
        "nftables", nftables.parse, [NFT], '{ } [ ] "match" "set" "prefix" "range" "jump" "vmap" null 1e999 -1'
    ),
    of_text("file-contexts", filecontexts.parse, [FILE_CONTEXTS], "( ) ? * + | [ ] \\ {1,9} -d <<none>>"),
    of_text("file-contexts-subs", filecontexts.substitutions, ["/srv/vm /var/lib/libvirt/images\n# x\n"]),
    of_text("selabel", selabel.parse, ["system_u:system_r:svirt_t:s0:c1,c5.c9"], "s0-s0:c0.c1023 c0.c1023 : ,"),
    Target(
        "report",
        lambda data: text.render(jsonreport.loads(data)),
        (FORMATS["json"].render(report()).encode(),),
        (
            b"null",
            b"[]",
            b"{}",
            b'"\\ud800"',
            b'"\\u001b[31m"',
            b"-1",
            b"1e999",
            b'"type":"SetConf"',
            b"0001-01-01",
        ),
        (jsonreport.BadReport,),
    ),
    Target(
        "plan",
        lambda data: plantext.render(planjson.loads(data)),
        (PLAN, planjson.dumps(plan()).encode()),
        (b"null", b"[]", b"{}", b'"\\udcff"', b'"\\u001b[31m"', b'"type":"SetConf"', b"-1", b"1e999", b"NaN"),
        (BadPlan,),
    ),
    Target(
        "journal",
        lambda data: told_by(Path("x.jsonl"), data, Sealer(bytes(32))),
        (JOURNAL,),
        (b"null", b"[]", b"\n", b'"type":"Written"', b'"step":9', b"1e999"),
        (BadJournal,),
    ),
    Target(
        "partitions",
        partitions.extent,
        (PARTITIONS, bytes(512) + b"EFI PART" + bytes(504)),
        (b"\xff" * 8, b"EFI PART"),
    ),
    Target(
        "tar", fuzzing.tar, fuzzing.TARS, (b"\xff" * 8, b"ustar  \0", b"7777777", b"13 path=/../x\n"), (Damaged,)
    ),
    Target(
        "sos-notes", fuzzing.notes, (fuzzing.MANIFEST, fuzzing.LISTING), (b"\n\n/boot:\ntotal 0\n", b" -> ", b"[]")
    ),
    Target(
        "recording", fuzzing.recorded, fuzzing.lines(), (b"null", b"[]", b'"\\ud800"', b"1e999"), (SourceError,)
    ),
    Target(
        "ssh-replies", fuzzing.replies, (fuzzing.STREAM,), (b"\nw b 1\n", b"\nw e 1 0\n", b"\tw\n", b"\nw z 9\n")
    ),
    Target(
        "ssh-url", fuzzing.address, (b"ssh://root@[fe80::1%eth0]:22",), (b"-o", b"@", b"[", b"%"), (SourceError,)
    ),
    Target(
        "redaction", fuzzing.redaction, fuzzing.SECRETS, (b"passwd=", b"'", b"secret", b"$6$", b"PRIVATE KEY-----")
    ),
    Target("audit-log", auditlogs.read, auditlogs.SEEDS, auditlogs.WORDS),
)

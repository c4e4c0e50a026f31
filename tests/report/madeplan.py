"""Plans to render: one of a plausible host, one whose every text is hostile, and ones of any size."""

from __future__ import annotations

from virtwarden.edits import InsertElement, Replace, SetConf, SetMode, SetState
from virtwarden.model import (
    HOST,
    Activation,
    Disturbance,
    Document,
    Expectation,
    Plan,
    Rewrite,
    Safety,
    State,
    Subject,
    Unfixed,
)
from virtwarden.plan import BY_HAND

from .made import NOW

LATER = "the change takes effect at the next start"
FILTER = "<filterref filter='clean-traffic'/>"
RESTART = Activation("restart", "libvirtd", "guests keep running; open connections to libvirt are cut off")


def plan() -> Plan:
    """A host with a little of everything to change."""
    return Plan(
        host="kvm7.example.net",
        root="/",
        made_at=NOW,
        version="0.1.0",
        profile="baseline",
        policy={"profile": "baseline", "storage": {"image_directories": ("/var/lib/libvirt/images",)}},
        rewrites=(_libvirtd(), _qemu(), _image(), _sysctl(), domain("web"), domain("db"), _own_file(), _unit()),
        unfixed=(
            Unfixed("images-encrypted", Subject("guest", "db"), BY_HAND, ("stop db, then convert its image",)),
            Unfixed("images-encrypted", Subject("guest", "web"), BY_HAND, ("stop web, then convert its image",)),
            Unfixed("time-synchronised", HOST, BY_HAND, ("install chrony and enable its service",), State.ON_DISK),
            Unfixed(
                "time-synchronised", HOST, BY_HAND, ("install chrony and enable its service",), State.IN_FORCE
            ),
            Unfixed("kernel-lockdown", HOST, "/boot/grub2/grubenv: permission denied"),
        ),
        blast=(Disturbance("db", LATER), Disturbance("web", LATER)),
        expected=(
            Expectation("vnc-requires-tls", HOST, State.ON_DISK),
            Expectation("vnc-requires-tls", HOST, State.IN_FORCE, "the guest is started anew"),
            Expectation(
                "interfaces-filtered", Subject("guest", "web"), State.IN_FORCE, "guest web is started anew"
            ),
        ),
    )


def _libvirtd() -> Rewrite:
    path = "/etc/libvirt/libvirtd.conf"
    diff = f"""--- {path}
+++ {path}
@@ -180,7 +180,7 @@
 # back to 0600, to avoid an insecure configuration.
 #
-auth_unix_rw = "none"
+auth_unix_rw = "polkit"
 #
"""
    return Rewrite(
        Document("file", path), (SetConf("auth_unix_rw", "polkit"),),
        ("libvirt-access-authenticated", "plain-tcp-off"), Safety.SAFE, path, "0" * 64, diff, (RESTART,), cuts=True,
    )  # fmt: skip


def _qemu() -> Rewrite:
    path = "/etc/libvirt/qemu.conf"
    diff = f"""--- {path}
+++ {path}
@@ -69,3 +69,3 @@
-vnc_listen = "0.0.0.0"
+vnc_listen = "127.0.0.1"
 # a comment that is rather long and goes on and on beyond what any terminal of an ordinary width can show on one line
@@ -133,2 +133,1 @@
 #
-vnc_password = "[redacted]"
"""
    return Rewrite(
        Document("file", path), (SetConf("vnc_listen", "127.0.0.1"),), ("consoles-listen-narrowly",), Safety.SAFE,
        path, "1" * 64, diff, (RESTART,),
    )  # fmt: skip


def _image() -> Rewrite:
    path = "/var/lib/libvirt/images/db.qcow2"
    return Rewrite(
        Document("file", path), (SetMode(0o600),), ("images-private",), Safety.SAFE, path, "absent 0644 0:0",
        "-mode 0644\n+mode 0600\n",
    )  # fmt: skip


def _sysctl() -> Rewrite:
    document = Document("sysctl", "kernel.kptr_restrict")
    return Rewrite(document, (SetState("2"),), ("kernel-hardened",), Safety.SAFE, diff="+2\n")


def domain(name: str) -> Rewrite:
    """A guest whose interface gets a filter."""
    path = f"/etc/libvirt/qemu/{name}.xml"
    diff = f"""--- {path}
+++ {path}
@@ -107,6 +107,7 @@
       <source bridge='br0'/>
       <model type='virtio'/>
+      {FILTER}
     </interface>
"""
    return Rewrite(
        Document("domain", name), (InsertElement("devices/interface[1]", FILTER),), ("interfaces-filtered",),
        Safety.DISRUPTIVE, path, "2" * 64, diff,
    )  # fmt: skip


def _own_file() -> Rewrite:
    path = "/etc/virt-warden/separation.nft"
    text = "table inet virtwarden_separation {\n\tchain from_guests {\n\t}\n}\n"
    diff = f"--- /dev/null\n+++ {path}\n@@ -0,0 +1,4 @@\n" + "".join(f"+{line}\n" for line in text.splitlines())
    return Rewrite(
        Document("file", path), (Replace(text),), ("host-closed-to-guest-bridges",), Safety.SAFE, path, "absent",
        diff, cuts=True,
    )  # fmt: skip


def _unit() -> Rewrite:
    document = Document("unit", "rpcbind.socket")
    return Rewrite(
        document, (SetState("disabled"),), ("listeners-allowed",), Safety.DISRUPTIVE, diff="+disabled\n"
    )


HOSTILE = "\x1b[2J\x1b[31mred\x07 \u202egnp.exe\u200b\r\udcff\t<b>\nnext"


def hostile() -> Plan:
    """A plan in which whatever a host has a say in tries to harm the reader."""
    subject = Subject("guest", HOSTILE)
    rewrite = Rewrite(
        Document("domain", HOSTILE), (), (HOSTILE,), Safety.SAFE, f"/{HOSTILE}", "", f"--- x\n+++ x\n+{HOSTILE}\n",
        (Activation("restart", HOSTILE, HOSTILE),),
    )  # fmt: skip
    return Plan(
        HOSTILE, f"/{HOSTILE}", NOW, HOSTILE, HOSTILE, {}, (rewrite,),
        (Unfixed(HOSTILE, subject, HOSTILE, (HOSTILE,)),), (Disturbance(HOSTILE, HOSTILE),),
        (Expectation(HOSTILE, subject, State.IN_FORCE, HOSTILE),),
    )  # fmt: skip


def big(guests: int) -> Plan:
    """A plan for so many guests."""
    names = [f"guest{number:04}" for number in range(guests)]
    return Plan(
        "kvm7", "/", NOW, "0.1.0", "baseline", {}, tuple(map(domain, names)),
        tuple(
            Unfixed("images-encrypted", Subject("guest", name), BY_HAND, (f"stop {name}, then convert its image",))
            for name in names
        ),
        tuple(Disturbance(name, LATER) for name in names),
        tuple(
            Expectation("interfaces-filtered", Subject("guest", name), State.IN_FORCE, f"guest {name} is started anew")
            for name in names
        ),
    )  # fmt: skip

"""/etc/libvirt/qemu.conf: how guests are run, with libvirt's own defaults.

Read at the daemon's start; a guest takes the values that held when it was started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.conffile import ConfText, read_conf, typed
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host, Want, reading
from virtwarden.model import Document, Evidence

PATH = "/etc/libvirt/qemu.conf"
QEMU_CONF = Document("file", PATH)

CONTROLLERS = ("cpu", "devices", "memory", "blkio", "cpuset", "cpuacct")


@dataclass(frozen=True, slots=True)
class QemuConf:
    """The settings that decide how safe guests are; None where libvirt's default depends on how it was built."""

    file: ConfText = ConfText(PATH)

    user: str | None = None
    group: str | None = None
    dynamic_ownership: bool = True
    remember_owner: bool = True
    seccomp_sandbox: int = -1
    namespaces: tuple[str, ...] = ("mount",)
    cgroup_controllers: tuple[str, ...] = CONTROLLERS
    cgroup_device_acl: tuple[str, ...] | None = None
    security_driver: tuple[str, ...] | None = None
    security_default_confined: bool = True
    security_require_confined: bool = False
    clear_emulator_capabilities: bool = True
    allow_disk_format_probing: bool = False
    lock_manager: str | None = None
    stdio_handler: str = "logd"
    max_core: int | str | None = None
    dump_guest_core: bool = False
    max_processes: int = 0
    max_files: int = 0
    max_threads_per_process: int = 0
    set_process_name: bool = False
    relaxed_acs_check: bool = False
    mac_filter: bool = False
    sched_core: str = "none"
    bridge_helper: str | None = None
    capability_filters: tuple[str, ...] = ()
    hugetlbfs_mount: tuple[str, ...] = ()
    memory_backing_dir: str | None = None
    nvram: tuple[str, ...] = ()

    default_tls_x509_cert_dir: str = "/etc/pki/qemu"
    default_tls_x509_verify: bool | None = None
    default_tls_x509_secret_uuid: str | None = None
    vnc_listen: str = "127.0.0.1"
    vnc_auto_unix_socket: bool = False
    vnc_tls: bool = False
    vnc_tls_x509_cert_dir: str | None = None
    vnc_tls_x509_verify: bool | None = None
    vnc_tls_priority: str | None = None
    vnc_password: str | None = None
    vnc_sasl: bool = False
    vnc_sasl_dir: str | None = None
    vnc_allow_host_audio: bool = False
    spice_listen: str = "127.0.0.1"
    spice_auto_unix_socket: bool = False
    spice_tls: bool = False
    spice_tls_x509_cert_dir: str | None = None
    spice_password: str | None = None
    spice_sasl: bool = False
    rdp_listen: str = "127.0.0.1"
    rdp_password: str | None = None
    chardev_tls: bool = False
    chardev_tls_x509_cert_dir: str | None = None
    chardev_tls_x509_verify: bool | None = None
    nbd_tls: bool = False
    migrate_tls_x509_cert_dir: str | None = None
    migrate_tls_x509_verify: bool | None = None
    migrate_tls_force: bool = False
    backup_tls_x509_cert_dir: str | None = None
    backup_tls_x509_verify: bool | None = None
    nbd_tls_x509_cert_dir: str | None = None
    vxhs_tls_x509_cert_dir: str | None = None
    default_tls_priority: str | None = None
    chardev_tls_priority: str | None = None
    migrate_tls_priority: str | None = None
    backup_tls_priority: str | None = None
    nbd_tls_priority: str | None = None
    migration_address: str = "0.0.0.0"  # noqa: S104  # libvirt's own default, which controls judge
    migration_port_min: int = 49152
    migration_port_max: int = 49215
    remote_display_port_min: int = 5900
    remote_display_port_max: int = 65535
    remote_websocket_port_min: int = 5700
    remote_websocket_port_max: int = 65535
    save_image_format: str = "raw"
    auto_dump_path: str | None = None
    swtpm_user: str | None = None
    swtpm_group: str | None = None

    wants: ClassVar[tuple[Want, ...]] = (reading(PATH),)

    @property
    def path(self) -> str:
        """Where it was read."""
        return self.file.path

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        return self.file.cite(key)

    @property
    def vnc_verifies(self) -> bool:
        """Whether a VNC client must show a certificate; off unless set, here or as the default."""
        return next((v for v in (self.vnc_tls_x509_verify, self.default_tls_x509_verify) if v is not None), False)

    def certificate_directories(self, service: str) -> tuple[str, ...]:
        """Where libvirt looks for the certificates of vnc, spice, migrate, chardev, nbd or backup: the first of these
        that exists, and no other."""
        named: str | None = getattr(self, f"{service}_tls_x509_cert_dir")
        return (named,) if named else (f"/etc/pki/libvirt-{service}", self.default_tls_x509_cert_dir)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it; a host that has libvirt but no such file runs with libvirt's defaults."""
        host.get(Libvirt)
        return typed(cls, read_conf(host.source, PATH))

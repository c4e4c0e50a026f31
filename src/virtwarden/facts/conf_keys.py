"""The keys that libvirt knows in each of its conf files, those of releases from 0.9 to 12.

Only the keys, for telling a setting from a slip of the pen: libvirt passes over a key that it does not know and
says nothing. Source: the lenses and conf files that libvirt's packages install.
"""

from __future__ import annotations

_LOG = ("log_level", "log_filters", "log_outputs", "log_buffer_size")
_ADMIN = (
    "admin_min_workers",
    "admin_max_workers",
    "admin_max_clients",
    "admin_max_queued_clients",
    "admin_max_client_requests",
    "admin_keepalive_interval",
    "admin_keepalive_count",
    "admin_keepalive_required",
)
_LOCAL = frozenset(
    (
        *_LOG,
        *_ADMIN,
        "unix_sock_group",
        "unix_sock_ro_perms",
        "unix_sock_rw_perms",
        "unix_sock_admin_perms",
        "unix_sock_dir",
        "auth_unix_ro",
        "auth_unix_rw",
        "access_drivers",
        "min_workers",
        "max_workers",
        "max_clients",
        "max_queued_clients",
        "max_anonymous_clients",
        "max_requests",
        "max_client_requests",
        "prio_workers",
        "audit_level",
        "audit_logging",
        "keepalive_interval",
        "keepalive_count",
        "keepalive_required",
        "host_uuid",
        "host_uuid_source",
        "ovs_timeout",
    )
)
REMOTE = frozenset(
    (
        "listen_tls",
        "listen_tcp",
        "tls_port",
        "tcp_port",
        "listen_addr",
        "mdns_adv",
        "mdns_name",
        "auth_tcp",
        "auth_tls",
        "tcp_min_ssf",
        "key_file",
        "cert_file",
        "ca_file",
        "crl_file",
        "cert_files",
        "key_files",
        "tls_no_verify_certificate",
        "tls_no_sanity_certificate",
        "tls_allowed_dn_list",
        "tls_priority",
        "sasl_allowed_username_list",
    )
)
_LOG_DAEMON = frozenset((*_LOG, "max_clients", "admin_max_clients", "max_size", "max_backups", "max_age_days"))
_QEMU = frozenset(
    (
        *(f"default_tls_{name}" for name in ("x509_cert_dir", "x509_verify", "x509_secret_uuid", "priority")),
        *(
            f"{service}_tls{name}"
            for service in ("vnc", "spice", "chardev", "migrate", "backup", "vxhs", "nbd")
            for name in ("", "_x509_cert_dir", "_x509_verify", "_x509_secret_uuid", "_priority")
        ),
        *("migrate_tls_force", "vnc_listen", "vnc_auto_unix_socket", "vnc_password", "vnc_sasl", "vnc_sasl_dir"),
        *("vnc_allow_host_audio", "nographics_allow_host_audio"),
        *("spice_listen", "spice_auto_unix_socket", "spice_password", "spice_sasl", "spice_sasl_dir"),
        *("rdp_listen", "rdp_tls_x509_cert_dir", "rdp_username", "rdp_password", "qemu_rdp"),
        *("remote_display_port_min", "remote_display_port_max"),
        *("remote_websocket_port_min", "remote_websocket_port_max"),
        *("security_driver", "security_default_confined", "security_require_confined", "user", "group"),
        *("dynamic_ownership", "remember_owner", "cgroup_controllers", "cgroup_device_acl"),
        *("seccomp_sandbox", "namespaces", "save_image_format", "dump_image_format", "snapshot_image_format"),
        *("auto_dump_path", "auto_dump_bypass_cache", "auto_start_bypass_cache", "auto_start_delay"),
        *("auto_save_bypass_cache", "auto_shutdown_try_save", "auto_shutdown_try_shutdown"),
        *("auto_shutdown_poweroff", "auto_shutdown_wait", "auto_shutdown_restore"),
        *("hugetlbfs_mount", "bridge_helper", "pr_helper", "slirp_helper", "dbus_daemon"),
        *("set_process_name", "max_processes", "max_files", "max_threads_per_process", "max_core"),
        *("dump_guest_core", "stdio_handler", "sched_core", "mac_filter", "relaxed_acs_check"),
        *("allow_disk_format_probing", "lock_manager", "max_queued", "keepalive_interval", "keepalive_count"),
        *("migration_address", "migration_host", "migration_port_min", "migration_port_max"),
        *("log_timestamp", "nvram", "gluster_debug_level", "virtiofsd_debug", "deprecation_behavior"),
        *("memory_backing_dir", "swtpm_user", "swtpm_group", "clear_emulator_capabilities"),
        *("capability_filters", "storage_use_nbdkit", "shared_filesystems", "rx_queue_size", "tx_queue_size"),
        *("default_cpu_deprecated_features",),
    )
)
_LOCKD = frozenset(
    (
        "auto_disk_leases",
        "require_lease_for_disks",
        "file_lockspace_dir",
        "lvm_lockspace_dir",
        "scsi_lockspace_dir",
    )
)
_SANLOCK = frozenset(
    (
        "disk_lease_dir",
        "auto_disk_leases",
        "host_id",
        "require_lease_for_disks",
        "ignore_readonly_and_shared_disks",
        "io_timeout",
        "user",
        "group",
    )
)
_CLIENT = frozenset(("uri_aliases", "uri_default"))
_FIREWALL = frozenset(("firewall_backend", "enable_trace", "enable_counters"))
_LOCAL_DAEMONS = (
    "virtqemud",
    "virtnetworkd",
    "virtnwfilterd",
    "virtsecretd",
    "virtstoraged",
    "virtnodedevd",
    "virtinterfaced",
)

KEYS: dict[str, frozenset[str]] = {
    "libvirtd.conf": _LOCAL | REMOTE,
    "virtproxyd.conf": _LOCAL | REMOTE,
    **{f"{daemon}.conf": _LOCAL for daemon in _LOCAL_DAEMONS},
    "qemu.conf": _QEMU,
    "virtlogd.conf": _LOG_DAEMON,
    "virtlockd.conf": _LOG_DAEMON,
    "qemu-lockd.conf": _LOCKD,
    "qemu-sanlock.conf": _SANLOCK,
    "libvirt.conf": _CLIENT,
    "libvirt-admin.conf": _CLIENT,
    "network.conf": frozenset(("firewall_backend",)),
    "nwfilter.conf": _FIREWALL,
    "secret.conf": frozenset(("secrets_encryption_key", "encrypt_data")),
}
LENSES = {
    "libvirtd.conf": "libvirtd.aug",
    "qemu.conf": "libvirtd_qemu.aug",
    "virtlogd.conf": "virtlogd.aug",
    "virtlockd.conf": "virtlockd.aug",
    "qemu-lockd.conf": "libvirt_lockd.aug",
    "qemu-sanlock.conf": "libvirt_sanlock.aug",
    "virtproxyd.conf": "virtproxyd.aug",
    **{f"{daemon}.conf": f"{daemon}.aug" for daemon in _LOCAL_DAEMONS},
    "network.conf": "libvirtd_network.aug",
    "nwfilter.conf": "libvirtd_nwfilter.aug",
    "secret.conf": "libvirt_secrets.aug",
}

"""virt-warden judges, hardens, proves and audits KVM hosts."""

__version__ = "0.1.0"

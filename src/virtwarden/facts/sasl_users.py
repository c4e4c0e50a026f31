"""Which database holds the users of a SASL service, and whether it is of any use."""

from __future__ import annotations

from virtwarden.facts.sasl import SaslConf

SERVED = frozenset({"scram-sha-1", "scram-sha-224", "scram-sha-256", "scram-sha-384", "scram-sha-512"})
"""Mechanisms that find their users in the database and are not broken."""
RETIRED = frozenset({"digest-md5", "cram-md5", "plain", "login", "otp", "ntlm", "passdss-3des-1", "srp"})
"""Mechanisms that use the database as well, and are reported, never set up."""

USUAL = {"libvirt": "/etc/libvirt/passwd.db", "qemu": "/etc/qemu/passwd.db"}


def database_of(conf: SaslConf) -> str | None:
    """The file in which the service looks for its users; None where its conf file names none."""
    named = conf.get("sasldb_path")
    return None if named is None or not named.value.startswith("/") else named.value


def why_useless(conf: SaslConf) -> str:
    """Why nobody could log in by the database as the service is set up; empty where somebody could."""
    plugin = conf.get("auxprop_plugin")
    if plugin is not None and "sasldb" not in plugin.value.lower().split():
        return f"{conf.path} takes its users from {plugin.value}, not from a database"
    if conf.mechanisms is None or SERVED.intersection(conf.mechanisms):
        return ""
    offered = ", ".join(conf.mechanisms) or "nothing"
    if RETIRED.intersection(conf.mechanisms):
        return f"{conf.path} offers {offered}, which is broken; let it offer scram-sha-256"
    return f"{conf.path} offers {offered}, which has no use for passwords; let it offer scram-sha-256 too"

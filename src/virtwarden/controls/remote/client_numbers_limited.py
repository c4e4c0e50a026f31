"""Strangers cannot use up libvirt's connections.

A client counts from its first byte, long before it has proved who it is. Without a limit on those that have not, a
stranger who opens connections and says nothing keeps the administrators out, and the daemon's memory grows with each.

Judged: `max_anonymous_clients`, `max_clients` and `max_queued_clients` of each daemon that can listen for the network:
none of them is 0, which sets no limit, and those who have not logged in may take a part of the connections only.

Fix: libvirt's own defaults: 20 anonymous clients of 5000, 1000 that wait. The daemon restarts; guests keep running.

Proof: of 30 connections that say nothing the last ones wait, and an administrator's is served once those are gone.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.daemon_conf import DaemonConf
from virtwarden.facts.remote import Remote
from virtwarden.host import Host, Unknown
from virtwarden.judgements import failed, file_change, passed, unknown
from virtwarden.model import Severity, State, Subject

DEFAULTS = {"max_anonymous_clients": 20, "max_clients": 5000, "max_queued_clients": 1000}


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        try:
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(Subject("daemon", daemon.name), str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        for key, default in DEFAULTS.items():
            subject, value = Subject("setting", key), getattr(conf, key)
            if fault := _fault(conf, key, value):
                fix = file_change(conf.path, SetConf(key, default))
                yield failed(subject, fault, fix, evidence=[conf.cite(key)], state=State.ON_DISK)
            else:
                yield passed(subject, f"{key} is {value}", conf.cite(key), state=State.ON_DISK)


def _fault(conf: DaemonConf, key: str, value: int) -> str:
    if value <= 0:
        return f"{key} is {value}: there is no limit"
    if key == "max_anonymous_clients" and value >= (conf.max_clients or DEFAULTS["max_clients"]):
        return f"{key} is {value}: those who have not logged in may take every connection"
    return ""


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.LOW, check=check)

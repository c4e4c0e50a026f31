"""Nobody reaches libvirt with write access without proving who he is.

Who may write to libvirt owns the host: a guest may be given any file and any device. The UNIX sockets are open
to every local user where polkit asks who it is; with `auth_unix_rw = "none"` the same open socket makes each of
them root. `auth_tcp = "none"` does the same for everybody who reaches the port.

Judged: for each daemon in use `auth_unix_rw` together with the mode that its socket unit (drop-ins included) or
its conf file gives the socket, and the mode that the socket has now; the same for the administration sockets,
which never ask; `auth_tcp` of the daemon that can listen. An unset `auth_unix_rw` counts as polkit, which is
what every distribution builds in.

Fix: authentication by polkit, and by SASL over TCP. The daemon restarts; guests keep running.

Proof: `virt-warden prove remote`: an unprivileged user gets no session at any of the sockets, and root does.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetConf
from virtwarden.facts.remote import Remote
from virtwarden.facts.unix_sockets import Access, UnixSocket, UnixSockets
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Finding, Safety, Severity, State, Subject


def check(host: Host) -> Findings:
    for socket in host.get(UnixSockets).sockets:
        yield from _judged(socket)
    try:
        remote = host.get(Remote)
    except Absent as absent:
        yield notapplicable(HOST, str(absent), *absent.evidence)
        return
    for daemon in remote.daemons:
        subject = Subject("daemon", daemon.name)
        try:
            conf = daemon.conf
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        cited = conf.cite("auth_tcp")
        if conf.auth_tcp == "none":
            fix = file_change(conf.path, SetConf("auth_tcp", "sasl"), Safety.DISRUPTIVE)
            message = "auth_tcp is none: whoever reaches the TCP port is root"
            yield failed(subject, message, fix, evidence=[cited], state=State.ON_DISK)
        else:
            yield passed(subject, f"TCP clients log in by {conf.auth_tcp}", cited, state=State.ON_DISK)


def _judged(socket: UnixSocket) -> Findings:
    subject = Subject("socket", socket.name)
    if isinstance(socket.access, Unknown):
        yield unknown(subject, str(socket.access), *socket.access.evidence, state=State.ON_DISK)
        if socket.live is not None:
            yield unknown(subject, f"how it asks who connects: {socket.access}", state=State.IN_FORCE)
        return
    access = socket.access
    yield _finding(socket, access, access.mode, State.ON_DISK)
    if isinstance(socket.live, Unknown):
        yield unknown(subject, str(socket.live), *socket.live.evidence, state=State.IN_FORCE)
    elif socket.live is not None:
        yield _finding(socket, access, socket.live.mode, State.IN_FORCE)


def _finding(socket: UnixSocket, access: Access, mode: int, state: State) -> Finding:
    subject = Subject("socket", socket.name)
    evidence = access.evidence
    if state is State.IN_FORCE and isinstance(socket.live, Stat):
        asked = () if socket.administers else access.evidence[:1]
        evidence = (socket.live.cite(), *asked)
    if access.authentication != "none":
        message = f"asks who connects by {access.authentication}"
        return passed(subject, message, *evidence, state=state)
    if not mode & 0o002:
        return passed(subject, f"asks nobody who he is, with mode {mode:04o}", *evidence, state=state)
    message = f"is open to every user of the host with mode {mode:04o}, and asks nobody who he is"
    return failed(subject, message, _fix(socket, access), evidence=evidence, state=state)


def _fix(socket: UnixSocket, access: Access) -> Change:
    conf = socket.conf
    if socket.administers and access.unit is not None:
        path = f"/etc/systemd/system/{access.unit}.d/zz-virt-warden.conf"
        return file_change(path, Replace("[Socket]\nSocketMode=0600\n"))
    assert not isinstance(conf, Unknown)  # who is asked nothing is known from it
    key, value = ("unix_sock_admin_perms", "0700") if socket.administers else ("auth_unix_rw", "polkit")
    return file_change(conf.path, SetConf(key, value))


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("remote-management",),
    check=check,
)

"""What starts libvirt's daemon anew inside a machine, which has no systemd: a script as System V had them."""

LIBVIRTD = "/etc/init.d/libvirtd"
SCRIPT = """\
#!/bin/sh
pid=/run/libvirt/libvirtd.pid
LIBVIRTD_ARGS=
[ ! -r /etc/default/libvirtd ] || . /etc/default/libvirtd
case $1 in
status) kill -0 "$(cat $pid)" ;;
restart)
    old=$(cat $pid)
    kill "$old"
    while kill -0 "$old" 2>/dev/null; do sleep 0.05; done
    /usr/sbin/libvirtd --daemon --config /etc/libvirt/libvirtd.conf --pid-file $pid $LIBVIRTD_ARGS || exit 1
    for try in $(seq 40); do
        virsh -q -c qemu:///system nwfilter-list >/dev/null 2>&1 && exit 0
        kill -0 "$(cat $pid)" 2>/dev/null || exit 1
        sleep 0.2
    done
    exit 1 ;;
esac
"""
SSHD = "/etc/init.d/ssh"
SSHD_SCRIPT = """\
#!/bin/sh
case $1 in
status) kill -0 "$(cat /run/sshd.pid)" ;;
reload) kill -HUP "$(cat /run/sshd.pid)" ;;
restart) exit 1 ;;
esac
"""

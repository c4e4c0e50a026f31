# Run it as root. Everything is looked at before anything is changed; what is replaced is kept in a directory that is
# named then. A second run changes nothing.
set -eu
umask 077
export LC_ALL=C
unset PERL_UNICODE PERL5OPT PERL5LIB
marks=${VIRT_WARDEN_MARKS:-/var/lib/virt-warden/exported}
checking=1
changed=
due=
failed=
kept=
command -v perl >/dev/null || { echo "perl is needed" >&2; exit 1; }

say() { printf '%s\n' "$*"; }
stop() { say "stopped: $*" >&2; exit 1; }
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
done_with() { changed=1; say "$1: changed"; }
left() { [ -n "$checking" ] || say "$1 is left as it is: $2"; }

# keep FILE: a copy of it, and of what it is called, before it is replaced
keeping() {
    [ -z "$kept" ] || return 0
    kept=$(mktemp -d /var/tmp/virt-warden-kept.XXXXXX)
    say "what is replaced is kept in $kept"
}
keep() { keeping; mkdir -p "$kept$(dirname "$1")"; cp -a -- "$1" "$kept$1"; }

# Replaces, in the file that is its first word, what each pattern finds; says by its exit code whether all were found.
replace='
my ($file, @pairs) = @ARGV;
open my $f, "+<:raw", $file or die "$file: $!\n";
my $text = do { local $/; <$f> };
while (@pairs) {
    my ($pattern, $new) = splice @pairs, 0, 2;
    $text =~ /$pattern/ or exit 3;
    my ($from, $to) = ($-[0], $+[0]);
    my @group = map { defined $-[$_] ? substr $text, $-[$_], $+[$_] - $-[$_] : "" } 0 .. $#-;
    $new =~ s/\\(?:g<(\d+)>|x([0-9a-f]{2})|\\)/defined $1 ? $group[$1] : defined $2 ? chr hex $2 : "\\"/ge;
    substr($text, $from, $to - $from) = $new;
}
seek $f, 0, 0; truncate $f, 0; print $f $text; close $f or die "$file: $!\n";'

# found FILE: the file that it leads to, as its readers see it
found() {
    file=$(readlink -f -- "$1")
    [ -f "$file" ] || stop "there is no $1"
}
# single FILE: it has no other name, which would keep the old text
single() { [ "$(stat -c %h -- "$1")" = 1 ] || stop "$1 has several names"; }

# edit FILE SUM_BEFORE SUM_AFTER [PATTERN REPLACEMENT]...
edit() {
    found "$1"
    before=$2 after=$3
    shift 3
    now=$(sum "$file")
    if [ "$now" = "$after" ]; then return 0; fi
    [ "$now" = "$before" ] || stop "$file was changed since this script was made"
    single "$file"
    [ -z "$checking" ] || return 0
    keep "$file"
    new=$(mktemp "$(dirname "$file")/.virt-warden.XXXXXX")
    cp -a -- "$file" "$new"
    if ! perl -e "$replace" "$new" "$@" || [ "$(sum "$new")" != "$after" ]; then
        rm -f -- "$new"
        stop "$file is not what this script expects"
    fi
    mv -f -- "$new" "$file"
    done_with "$file"
}

directory() {
    if [ -n "$checking" ] || [ -d "$1" ]; then return 0; fi
    (umask 022 && mkdir -p "$1")
    done_with "$1"
}

# create FILE MODE SUM, with the text on standard input
create() {
    if [ -e "$1" ] || [ -L "$1" ]; then
        cat >/dev/null
        if [ -f "$1" ] && [ "$(sum "$1")" = "$3" ]; then return 0; fi
        stop "$1 is there already"
    fi
    if [ -n "$checking" ]; then cat >/dev/null; return 0; fi
    new=$(mktemp "$(dirname "$1")/.virt-warden.XXXXXX")
    cat >"$new"
    chmod "$2" "$new"
    mv -f -- "$new" "$1"
    if command -v restorecon >/dev/null; then restorecon "$1" || true; fi
    done_with "$1"
}

# remove FILE SUM
remove() {
    [ -e "$1" ] || return 0
    found "$1"
    [ "$(sum "$file")" = "$2" ] || stop "$1 was changed since this script was made"
    [ -z "$checking" ] || return 0
    keep "$file"
    rm -f -- "$file"
    done_with "$1"
}

# permit FILE MODE OWNER GROUP LABEL, each of which may be empty
permit() {
    if [ -n "$checking" ]; then
        [ -e "$1" ] || stop "there is no $1"
        return 0
    fi
    was=$(stat -L -c '%a %U %G' -- "$1")
    [ -z "$3" ] || chown -- "$3" "$1"
    [ -z "$4" ] || chgrp -- "$4" "$1"
    [ -z "$2" ] || chmod -- "$2" "$1"
    [ -z "$5" ] || chcon -- "$5" "$1"
    if [ "$was" != "$(stat -L -c '%a %U %G' -- "$1")" ]; then
        keeping
        say "$was $1" >>"$kept/permissions"
        done_with "$1"
    fi
}

# folder DIR MODE OWNER GROUP LABEL: it is there, and so
folder() {
    if [ ! -e "$1" ]; then
        [ -z "$checking" ] || return 0
        (umask 077 && mkdir -- "$1")
        if has restorecon; then restorecon "$1" || true; fi
        done_with "$1"
    fi
    [ -d "$1" ] || stop "$1 is no directory"
    permit "$@"
}

# copy SOURCE FILE MODE OWNER GROUP LABEL: the text of one file in another, which nobody else reads meanwhile. Whether
# the source is still the one that was planned with, only virt-warden apply looks.
copy() {
    [ -f "$1" ] || stop "there is no $1"
    from=$1
    shift
    if [ -f "$1" ] && cmp -s -- "$from" "$1"; then permit "$@"; return 0; fi
    [ -z "$checking" ] || return 0
    [ ! -e "$1" ] || keep "$1"
    new=$(mktemp "$(dirname "$1")/.virt-warden.XXXXXX")
    cat <"$from" >"$new"
    chown -- "$3:$4" "$new"
    chmod -- "$2" "$new"
    mv -f -- "$new" "$1"
    if has restorecon; then restorecon "$1" || true; fi
    [ -z "$5" ] || chcon -- "$5" "$1"
    done_with "$1"
}

# define COMMAND NAME FILE SUM_BEFORE [PATTERN REPLACEMENT]...: what libvirt keeps in the file, edited and defined
# anew. libvirt writes it in its own spelling, whose sum is noted, so that a second run knows it again.
define() {
    command=$1 name=$2 before=$4
    found "$3"
    shift 4
    mark=$marks/$before
    now=$(sum "$file")
    if [ "$now" != "$before" ]; then
        if [ -f "$mark" ] && [ "$now" = "$(cat "$mark")" ]; then return 0; fi
        stop "$file was changed since this script was made"
    fi
    [ -z "$checking" ] || return 0
    keep "$file"
    new=$(mktemp "$kept/XXXXXX")
    cat <"$file" >"$new"
    perl -e "$replace" "$new" "$@" || stop "$file is not what this script expects"
    virsh --quiet --connect qemu:///system "$command" --file "$new" >/dev/null
    rm -f -- "$new"
    mkdir -p "$marks"
    sum "$file" >"$mark"
    done_with "$command $name"
}

unit() {
    [ -z "$checking" ] || return 0
    was="$(systemctl is-enabled "$1" || true) $(systemctl is-active "$1" || true)"
    case $2 in
    enabled) systemctl enable --quiet --now "$1" ;;
    disabled) systemctl disable --quiet --now "$1" ;;
    masked) systemctl mask --quiet --now "$1" ;;
    active) systemctl start "$1" ;;
    esac
    if [ "$was" != "$(systemctl is-enabled "$1" || true) $(systemctl is-active "$1" || true)" ]; then
        keeping
        say "$was $1" >>"$kept/units"
        done_with "$1"
    fi
}
# runtime KEY VALUE: a value of several numbers has tabs between them where it is read
runtime() {
    was=$(sysctl -n "$1" 2>/dev/null | tr -s '\t ' '  ')
    [ -n "$was" ] || stop "this kernel has no $1"
    if [ -n "$checking" ] || [ "$was" = "$2" ]; then return 0; fi
    keeping
    say "$1=$was" >>"$kept/sysctl"
    sysctl -q -w "$1=$2"
    done_with "$1"
}
boolean() {
    was=$(getsebool "$1" 2>/dev/null | cut -d ' ' -f 3)
    [ -n "$was" ] || stop "SELinux is off here, or has no boolean $1"
    if [ -n "$checking" ] || [ "$was" = "$2" ]; then return 0; fi
    keeping
    say "$1=$was" >>"$kept/booleans"
    setsebool -P "$1=$2"
    done_with "$1"
}
fcontext() {
    [ -z "$checking" ] || return 0
    if semanage fcontext -l -C -n | grep -F -- "$1 " | grep -q -F -- ":$2:"; then return 0; fi
    semanage fcontext -a -t "$2" "$1"
    done_with "$1"
}

# wants NUMBER...: these steps are due where the document before was changed
wants() { [ -z "$changed" ] || due="$due $* "; changed=; }
# step NUMBER COMMAND...: done where it is due; one that fails does not keep the others from being done
step() {
    case $due in *" $1 "*) shift ;; *) return 0 ;; esac
    if ! "$@"; then
        say "failed: $*" >&2
        failed=1
    fi
}
has() { command -v "$1" >/dev/null; }

# What does not run takes its files when it starts.
service_restart() {
    if ! has systemctl; then service "$1" restart; return; fi
    ! systemctl is-active --quiet "$1" || systemctl restart "$1"
}
service_reload() {
    if [ "$1" = sshd ]; then
        "$(command -v sshd || echo /usr/sbin/sshd)" -t || return 1
    fi
    if ! has systemctl; then service "$1" reload; return; fi
    if ! systemctl is-active --quiet "$1"; then return 0; fi
    case $1 in
    auditd) systemctl kill --kill-who=main --signal=HUP "$1" ;;
    virtlogd | virtlockd) systemctl reload "$1" ;; # a restart would take away what guests have open
    *) systemctl reload-or-restart "$1" ;;
    esac
}
daemon_reload() { ! has systemctl || systemctl daemon-reload; }
setting() { sysctl --ignore --quiet --write "$1"; }
audit_rules() { ! has augenrules || augenrules --load; }
udev_rules() { ! has udevadm || { udevadm control --reload && udevadm trigger --name-match=kvm; }; }
exported() { ! has exportfs || exportfs -ra; }
profiles() { ! has apparmor_parser || apparmor_parser --replace --write-cache "${1:-/etc/apparmor.d}"; }
update_tls() { service_restart "$1"; } # to have it read them alone would take it down while a client comes
displays() { # from libvirt 10.2 on; else guests take them when they start
    virsh -q help domdisplay-reload >/dev/null 2>&1 || return 0
    virsh -q -c qemu:///system list --name | while read -r guest; do
        [ -z "$guest" ] || virsh -q -c qemu:///system domdisplay-reload "$guest" --type "$1" || true
    done
}
labels() { ! has restorecon || restorecon -R "$1"; }
firewall() { ! firewall-cmd --state >/dev/null 2>&1 || firewall-cmd --reload; }
ufw_rules() { ! has ufw || ufw reload; } # which says so, and does nothing, where it is not enabled
own_table() { ! has nft || nft -f /etc/virt-warden/management.nft; }
boot_menu() {
    if has update-grub; then update-grub; else grub2-mkconfig -o /boot/grub2/grub.cfg; fi
}

[ "$(id -u)" -eq 0 ] || stop "only root can change this host"

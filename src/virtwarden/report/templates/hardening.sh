# Run it as root. What it replaces is kept in the directory that it names first.
set -eu
umask 077
export LC_ALL=C
changed=
command -v perl >/dev/null || { echo "perl is needed" >&2; exit 1; }
kept=$(mktemp -d /var/tmp/virt-warden-kept.XXXXXX)

say() { printf '%s\n' "$*"; }
stop() { say "stopped: $*" >&2; exit 1; }
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
keep() { mkdir -p "$kept$(dirname "$1")" && cp -a -- "$1" "$kept$1"; }
done_with() { changed=1; say "$1: changed"; }

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
    $new =~ s/\\(?:g<(\d+)>|\\)/defined $1 ? $group[$1] : "\\"/ge;
    substr($text, $from, $to - $from) = $new;
}
seek $f, 0, 0; truncate $f, 0; print $f $text; close $f or die "$file: $!\n";'

# edit FILE SUM_BEFORE SUM_AFTER [PATTERN REPLACEMENT]...
edit() {
    file=$1 before=$2 after=$3
    shift 3
    [ -f "$file" ] || stop "there is no $file"
    now=$(sum "$file")
    if [ "$now" = "$after" ]; then return 0; fi
    [ "$now" = "$before" ] || stop "$file was changed since this script was made"
    keep "$file"
    new=$(mktemp "$(dirname "$file")/.virt-warden.XXXXXX")
    cp -a -- "$file" "$new"
    if ! perl -e "$replace" "$new" "$@" || [ "$(sum "$new")" != "$after" ]; then
        rm -f "$new"
        stop "$file is not what this script expects"
    fi
    mv -f -- "$new" "$(readlink -f "$file")"
    done_with "$file"
}

directory() { [ -d "$1" ] || { (umask 022 && mkdir -p "$1") && done_with "$1"; }; }

# create FILE MODE SUM, with the text on standard input
create() {
    if [ -e "$1" ]; then
        cat >/dev/null
        if [ "$(sum "$1")" = "$3" ]; then return 0; fi
        stop "$1 is there already"
    fi
    new=$(mktemp "$(dirname "$1")/.virt-warden.XXXXXX")
    cat >"$new"
    chmod "$2" "$new"
    mv -f -- "$new" "$1"
    done_with "$1"
}

# remove FILE SUM
remove() {
    [ -e "$1" ] || return 0
    [ "$(sum "$1")" = "$2" ] || stop "$1 was changed since this script was made"
    keep "$1"
    rm -f -- "$1"
    done_with "$1"
}

# permit FILE MODE OWNER GROUP LABEL, each of which may be empty
permit() {
    [ -e "$1" ] || stop "there is no $1"
    was=$(stat -L -c '%a %U %G' "$1")
    [ -z "$3" ] || chown "$3" "$1"
    [ -z "$4" ] || chgrp "$4" "$1"
    [ -z "$2" ] || chmod "$2" "$1"
    [ -z "$5" ] || chcon "$5" "$1"
    if [ "$was" != "$(stat -L -c '%a %U %G' "$1")" ]; then
        say "$was $1" >>"$kept/permissions"
        done_with "$1"
    fi
}

# defined KIND DUMP_WORDS -- PATTERN REPLACEMENT...: what libvirt keeps, edited and defined anew
virsh_system() { virsh --quiet --connect qemu:///system "$@"; }
redefine() {
    what=$1 define=$2
    shift 2
    cp -- "$kept/$what" "$kept/$what.new"
    perl -e "$replace" "$kept/$what.new" "$@" || return 0 # it has been changed already
    virsh_system "$define" --file "$kept/$what.new" >/dev/null
    rm -f "$kept/$what.new"
    done_with "$what"
}
domain() {
    name=$1
    shift
    virsh_system dumpxml --inactive --security-info "--domain=$name" >"$kept/domain-$name"
    redefine "domain-$name" define "$@"
}
nwfilter() {
    name=$1
    shift
    virsh_system nwfilter-dumpxml "--nwfilter=$name" >"$kept/nwfilter-$name"
    redefine "nwfilter-$name" nwfilter-define "$@"
}

unit() {
    was="$(systemctl is-enabled "$1" || true) $(systemctl is-active "$1" || true)"
    case $2 in
    enabled) systemctl enable --quiet --now "$1" ;;
    disabled) systemctl disable --quiet --now "$1" ;;
    masked) systemctl mask --quiet --now "$1" ;;
    active) systemctl start "$1" ;;
    esac
    if [ "$was" != "$(systemctl is-enabled "$1" || true) $(systemctl is-active "$1" || true)" ]; then
        say "$was $1" >>"$kept/units"
        done_with "$1"
    fi
}
runtime() { [ "$(sysctl -n "$1")" = "$2" ] || { sysctl -q -w "$1=$2" && done_with "$1"; }; }
# shellcheck disable=SC2317
boolean() { [ "$(getsebool "$1" | cut -d ' ' -f 3)" = "$2" ] || { setsebool -P "$1=$2" && done_with "$1"; }; }
fcontext() { semanage fcontext -a -t "$2" "$1" && done_with "$1"; }

service_restart() {
    if command -v systemctl >/dev/null; then systemctl try-restart "$1"; else service "$1" restart; fi
}
service_reload() {
    if command -v systemctl >/dev/null; then systemctl reload "$1"; else service "$1" reload; fi
}
boot_menu() {
    if command -v update-grub >/dev/null; then update-grub; else grub2-mkconfig -o /boot/grub2/grub.cfg; fi
}

[ "$(id -u)" -eq 0 ] || stop "only root can change this host"
say "what is replaced is kept in $kept"

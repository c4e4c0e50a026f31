"""Secrets in the arguments of programs and of the kernel, and in files where a key's name alone tells nothing."""

from __future__ import annotations

import re

from virtwarden.sources.secretrule import Match, Rule, done, empty, pattern

_PAM = ("required", "requisite", "sufficient", "optional", "include", "substack", "[", "--")
_WORDS = r"\"[^\"\n]++\"?|'[^'\n]++'?"


def _no_boot_password(match: Match) -> bool:
    bare = match["v"].strip("\"'")
    return done(match) or not bare or bare.startswith(_PAM)


RULES: tuple[Rule, ...] = (
    Rule(
        "boot loader passwords after `password --md5` and `password --encrypted`",
        ("--md5", "--encrypted"),
        pattern(
            r"^[ \t#]{0,64}password[ \t]{1,64}--(?:md5|encrypted)[ \t]{1,9}(?:\$\w{1,16}\$)?(?P<v>[^\s$]\S*+)"
        ),
    ),
    Rule(
        "boot loader passwords in the clear: `password …`, `password USER …` in the files of GRUB, LILO and zipl",
        ("password",),
        pattern(
            r"(?:^[ \t#]{0,64}|[;&|{\"'][ \t]{0,8}|\b(?:then|else|do|echo)[ \t]{1,8})password[ \t]{1,64}(?!--)"
            r"(?:(?:\"[^\"\n]{0,64}\"|'[^'\n]{0,64}'|[\w.-]{1,64})[ \t]{1,64}(?![/(#;&|}\s]))?"
            rf"(?P<v>{_WORDS}|[^\s\"'][^\s;\"']*+)"
        ),
        _no_boot_password,
        re.compile(r"grub|menu\.lst|/boot/|lilo|zipl"),
    ),
    Rule(
        "the password of `cryptomount -p` in GRUB's scripts",
        ("cryptomount",),
        pattern(rf"\bcryptomount[ \t][^\n]{{0,256}}?(?<=[ \t])-p[ \t]{{1,8}}(?P<v>{_WORDS}|[^\s\[\"']\S*+)"),
    ),
    Rule(
        "credentials for systemd in boot lines: `systemd.set_credential=NAME:…`",
        ("set_credential",),
        pattern(r"\bsystemd\.set_credential(?:_binary)?=[\w.@-]{1,128}:(?P<v>[^\s\"'\0]++)"),
    ),
    Rule(
        "credentials in units, also over several lines: `SetCredential=NAME:…`",
        ("setcredential",),
        pattern(r"^SetCredential(?:Encrypted)?=[ \t]{0,8}[\w.@-]{1,128}:(?P<v>(?:[^\n\\]|\\.|\\\n)+)"),
    ),
    Rule(
        "passwords of iSCSI in boot lines: `netroot=iscsi:USER:…@HOST`",
        ("iscsi:",),
        pattern(r"\biscsi:(?P<v>[^\s@:\"'/]{0,256}:[^\s@\"'/]{0,512})@"),
    ),
    Rule(
        "passwords of iSCSI and of CIFS that follow a user's name: `iscsi://USER%…@HOST`, `username=USER%…`",
        ("%",),
        pattern(r"(?:\biscsi://[^\s/@%\"']{0,256}%|[\s,]user(?:name)?=[^\s,%]{1,256}%)(?P<v>[^\s,@\"'<>\0]++)"),
        where=re.compile(r"fstab|mounts|cmdline|/qemu/|^ps\b"),
    ),
    Rule(
        "passwords that are an argument of their own: `--password …`, `--api-token …`",
        ("password", "passwd", "passphrase", "secret", "token", "psk", "key"),
        pattern(
            r"(?:^|(?<=[\s\0\"'=\[,(]))--?[\w-]{0,48}?(?:passw(?:or)?d|passphrase|secret|token|psk|api-?key)"
            r"[ \t\0]{1,4}(?P<v>\"[^\"\n]++\"|'[^'\n]++'|[^\s\0\"'#-][^\s\0\"']*+)"
        ),
    ),
    Rule(
        "passwords in the arguments of sshpass, curl and openssl",
        ("sshpass", "curl", "pass:"),
        pattern(
            r"(?:\bsshpass[ \t\0]{1,4}-p[ \t\0]?|(?<=[\s\0])-pass(?:in|out)?[ \t\0]{1,4}pass:"
            r"|\bcurl\b[^\n]{0,512}?[ \t\0](?:-\w{0,8}[uU]|--user|--proxy-user)[ \t\0=]?[\"']?[^\s:\0\"']{1,128}:)"
            r"(?P<v>[^\s\0\"']++)"
        ),
    ),
    Rule(
        "what follows `virsh secret-set-value`, `virsh set-user-password` and QEMU's `set_password`",
        ("secret-set-value", "set-user-password", "set_password"),
        pattern(
            r"\b(?:secret-set-value|set-user-password|set_password)[ \t\0]{1,4}(?P<v>[^\s\0\"'][^\n\"';|&]*+)"
        ),
    ),
    Rule(
        "keys that Debian's /etc/network/interfaces names: `wpa-psk …`, `wireless-key …`",
        ("wpa-", "wireless-key"),
        pattern(
            r"^[ \t]{0,64}w[\w-]{0,64}?(?:psk|passw(?:or)?d|passphrase|pin|key\d?)[ \t]{1,64}(?P<v>\S[^\n]*+)"
        ),
        where=re.compile("/interfaces"),
    ),
    Rule(
        "keys that network scripts and NetworkManager name: `KEY1=…`, `WIRELESS_KEY_0=…`, `mka-cak=…`, `pin=…`",
        ("key", "cak=", "pin="),
        pattern(
            r"^[ \t]{0,64}(?:(?:WIRELESS_)?KEY(?:_?\d)?|mka-cak|pin)[ \t]{0,8}=[ \t]{0,8}[\"']?"
            r"(?P<v>[^\s\"'][^\n\"']*+)"
        ),
        where=re.compile(r"/ifcfg-|/keys-|\.netdev\Z|system-connections/"),
    ),
    Rule(
        "the value of an XML element whose name attribute says password, secret, token or key",
        ("value=",),
        pattern(
            r"\bname=(?P<q>[\"'])[^\"'<>]{0,128}?(?:passw(?:or)?d|passphrase|pass|pwd|secret|token|psk|[-_]key)(?P=q)"
            r"[^<>]{0,256}?\bvalue=(?P<r>[\"'])(?P<v>(?:(?!(?P=r))[^<])*)(?P=r)"
        ),
        empty,
    ),
    Rule(
        "the same where the value stands before the name",
        ("value=",),
        pattern(
            r"\bvalue=(?P<r>[\"'])(?P<v>(?:(?!(?P=r))[^<])*)(?P=r)[^<>]{0,256}?"
            r"\bname=(?P<q>[\"'])[^\"'<>]{0,128}?(?:passw(?:or)?d|passphrase|pass|pwd|secret|token|psk|[-_]key)(?P=q)"
        ),
        empty,
    ),
)

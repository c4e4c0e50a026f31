# ruff: noqa: E501  # a table: a secret, and what is left of it, side by side
"""A secret of every kind where hosts keep it, what must be left of it, and texts that only look like it."""

from __future__ import annotations

import base64

PLANTED = "Xq7Zr4Plnt3d"
HASHED = "Xq7Zr4Plnt3dAbCdEfGh"
HEX = "c0ffee" * 12
B64 = base64.b64encode(PLANTED.encode() * 3).decode()
CEPH = "AQ" + "Xq7Zr4" * 6 + "=="
WIREGUARD = "Xq7Zr4" * 7 + "A="
SPACED = " ".join(f"{byte:02x}" for byte in range(0xA0, 0xB0))

# path, a text, what is left of it
TEXTS: list[tuple[str, str, str]] = [
    # guests
    ("/etc/libvirt/qemu/web.xml", f"<graphics type='vnc' passwd='{PLANTED}' port='-1'/>", "<graphics type='vnc' passwd='[redacted]' port='-1'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<graphics type='spice' passwd=\"{PLANTED}&quot;'&amp;\"/>", "<graphics type='spice' passwd=\"[redacted]\"/>"),
    ("/etc/libvirt/qemu/web.xml", f"<graphics\n  passwd='{PLANTED}\n{PLANTED}'\n  keymap='de'/>", "<graphics\n  passwd='[redacted]\n'\n  keymap='de'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<a b='>' passwd = '{PLANTED}'/>", "<a b='>' passwd = '[redacted]'/>"),
    ("/run/libvirt/qemu/web.xml", f"<secret>{PLANTED}</secret>", "<secret>[redacted]</secret>"),
    ("/run/libvirt/qemu/web.xml", f"<x:password a='1'>\n {PLANTED}\n</x:password>", "<x:password a='1'>[redacted]\n\n</x:password>"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:arg value='name=opt/net.x/token,string={PLANTED}'/>", "<qemu:arg value='name=opt/net.x/token,string=[redacted]'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<entry name='opt/com.x/key'>{PLANTED}</entry>", "<entry name='opt/com.x/key'>[redacted]</entry>"),
    ("/proc/7/cmdline", f"value=io.systemd.credential:vm.pw={PLANTED}\0-sandbox\0", "value=io.systemd.credential:vm.pw=[redacted]\0-sandbox\0"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:arg value='port=1,password={PLANTED}'/>", "<qemu:arg value='port=1,password=[redacted]'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:env name='DB_PASSWORD' value='{PLANTED}'/>", "<qemu:env name='DB_PASSWORD' value='[redacted]'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:env value=\"{PLANTED}'\" name='GITHUB_TOKEN'/>", "<qemu:env value=\"[redacted]\" name='GITHUB_TOKEN'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<cookie name='session'>{PLANTED}</cookie>", "<cookie name='session'>[redacted]</cookie>"),
    ("/etc/libvirt/qemu/web.xml", f"<x:apiKey>{PLANTED}</x:apiKey><admin_pass><![CDATA[<{PLANTED}]]></admin_pass>", "<x:apiKey>[redacted]</x:apiKey><admin_pass>[redacted]</admin_pass>"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:arg value='name=opt/net.x/token,string=a {PLANTED}'/>", "<qemu:arg value='name=opt/net.x/token,string=[redacted]'/>"),
    ("/etc/libvirt/qemu/web.xml", f"<qemu:arg value='file=iscsi://me%{PLANTED}@h/x/1,format=raw'/>", "<qemu:arg value='file=iscsi://me%[redacted]@h/x/1,format=raw'/>"),
    # libvirt's own files
    ("/etc/libvirt/qemu.conf", f'vnc_password = "{PLANTED}"\n', 'vnc_password = "[redacted]"\n'),
    ("/etc/libvirt/qemu.conf", f"spice_password='{PLANTED}' # was {PLANTED}\n", "spice_password='[redacted]' # [redacted]\n"),
    ("/etc/libvirt/qemu.conf", f'#vnc_password = "{PLANTED}"\n', '#vnc_password = "[redacted]"\n'),
    ("/etc/libvirt/qemu.conf", f'vnc_password = """{PLANTED}\n{PLANTED}"""\n', 'vnc_password = """[redacted]\n"""\n'),
    ("/etc/libvirt/qemu.conf", f'vnc_password = "{PLANTED}\\"\n', 'vnc_password = "[redacted]"\n'),
    ("/etc/libvirt/qemu.conf", f'vnc_password = "{PLANTED}', "vnc_password = [redacted]"),
    ("/etc/libvirt/qemu.conf", f'vnc_password = [ "{PLANTED}",\n  "{PLANTED}"\n]\n', "vnc_password = [redacted]\n\n\n"),
    ("/etc/sasl2/libvirt.conf", f"ldapdb_pw: {PLANTED}\nsql_passwd: {PLANTED}\n", "ldapdb_pw: [redacted]\nsql_passwd: [redacted]\n"),
    ("/etc/libvirt/secrets/0f.base64", B64, "[redacted]"),
    ("/etc/libvirt/secrets/0f.base64", f"{B64}\n", "[redacted]\n"),
    ("/var/lib/libvirt/qemu/domain-1-web/master-key.aes", PLANTED, "[redacted]"),
    ("/etc/libvirt/passwd.db", f"\0{PLANTED}\n{PLANTED}", "[redacted: 26 bytes]\n"),
    ("/etc/sasldb2", PLANTED, "[redacted: 12 bytes]"),
    ("/etc/libvirt/krb5.tab", f"\x05\x02{PLANTED}", "[redacted: 14 bytes]"),
    ("/somewhere/else", f"\x05\x02{PLANTED}", "[redacted: 14 bytes]"),
    ("/etc/pki/x.p12", f"0\udc82{PLANTED}", "[redacted: 14 bytes]"),
    # boot loaders
    ("/boot/grub/menu.lst", f"password --md5 $1$abcd${HASHED}xx\n", "password --md5 $1$[redacted]\n"),
    ("/boot/grub/menu.lst", f"password --encrypted $6$abcd${HASHED * 4}\n", "password --encrypted $6$[redacted]\n"),
    ("/boot/grub/menu.lst", f"  password {PLANTED}\ntitle x\n", "  password [redacted]\ntitle x\n"),
    ("/etc/grub.d/40_custom", f"password root {PLANTED}\n", "password root [redacted]\n"),
    ("/boot/grub2/user.cfg", f"GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.{HEX}.{HEX}\n", "GRUB2_PASSWORD=grub.pbkdf2.sha512.10000.[redacted]\n"),
    ("/etc/grub.d/40_custom", f"password_pbkdf2 root grub.pbkdf2.sha512.10000.{HEX}.{HEX}\n", "password_pbkdf2 root grub.pbkdf2.sha512.10000.[redacted]\n"),
    ("/boot/grub2/grub.cfg", f'  password "root" "a {PLANTED}"\n', '  password "root" [redacted]\n'),
    ("/boot/grub2/grub.cfg", f"if x; then password root {PLANTED}; fi\n", "if x; then password root [redacted]; fi\n"),
    ("/boot/grub2/grub.cfg", f"#password root {PLANTED} # old\n", "#password root [redacted] # old\n"),
    ("/etc/grub.d/40_custom", f"echo 'password root {PLANTED}'\n", "echo 'password root [redacted]'\n"),
    ("/boot/grub/grub.conf", f"password {PLANTED} /boot/grub/other.lst\n", "password [redacted] /boot/grub/other.lst\n"),
    ("/boot/grub2/grub.cfg", f"cryptomount -u 0f -p {PLANTED}\n", "cryptomount -u 0f -p [redacted]\n"),
    ("/proc/cmdline", f"password={PLANTED},{PLANTED} rd.iscsi.password=\"a {PLANTED}\" mitigations=off\n", "password=[redacted] rd.iscsi.password=\"[redacted]\" mitigations=off\n"),
    ("/proc/cmdline", f"netroot=iscsi:me:{PLANTED}@10.0.0.1::3260::iqn.x inst.sshpw={PLANTED} quiet\n", "netroot=iscsi:[redacted]@10.0.0.1::3260::iqn.x inst.sshpw=[redacted] quiet\n"),
    ("/proc/cmdline", f"systemd.set_credential=passwd.plaintext-password.root:{PLANTED} ro\n", "systemd.set_credential=passwd.plaintext-password.root:[redacted] ro\n"),
    # units
    ("/etc/systemd/system/libvirtd.service.d/a.conf", f'[Service]\nEnvironment="DB_PASS=a {PLANTED}" "X=y"\nEnvironment=DB_PASS=a,{PLANTED} A=b\n', '[Service]\nEnvironment="DB_PASS=[redacted]" "X=y"\nEnvironment=DB_PASS=[redacted] A=b\n'),
    ("/etc/systemd/system/libvirtd.service", f"ExecStart=/usr/sbin/x --password {PLANTED} --token={PLANTED} -l\n", "ExecStart=/usr/sbin/x --password [redacted] --token=[redacted] -l\n"),
    ("/etc/systemd/system/libvirtd.service", f"SetCredential=pw:{PLANTED} \\\n  {PLANTED}\nType=notify\n", "SetCredential=pw:[redacted]\n\nType=notify\n"),
    # accounts
    ("/etc/shadow", f"root:$y$j9T$ab${HASHED * 2}:19000:0:99999:7:::\n", "root:$y$[redacted]:19000:0:99999:7:::\n"),
    ("/etc/shadow", f"web:!!$6$ab${HASHED * 4}:19000::::::\n", "web:!!$6$[redacted]:19000::::::\n"),
    ("/etc/shadow", f"old:{PLANTED}a:1:2:3:4:5:6:\n", "old:[redacted]:1:2:3:4:5:6:\n"),
    ("/etc/shadow", f"a:{PLANTED}a:1:0:99:7:-1::\n+b:{PLANTED}\nc:{PLANTED}a:1::::::\r\n", "a:[redacted]:1:0:99:7:-1::\n+b:[redacted]\nc:[redacted]:1::::::\r\n"),
    ("/etc/passwd", f"old:{PLANTED}a:1:2:x:/:/bin/sh\n", "old:[redacted]:1:2:x:/:/bin/sh\n"),
    ("/etc/gshadow", f"wheel:{PLANTED}a:root:root\n", "wheel:[redacted]:root:root\n"),
    ("/root/anaconda-ks.cfg", f"rootpw --iscrypted $2b$12${HASHED * 3}\n", "rootpw --iscrypted $2b$[redacted]\n"),
    ("/etc/ldap.conf", f"rootpw={{SSHA}}{HASHED}\nbindpw = {PLANTED}\n", "rootpw={SSHA}[redacted]\nbindpw = [redacted]\n"),
    # processes
    ("/proc/7/cmdline", f"qemu\0-spice\0port=1,password={PLANTED};a b,,c,tls=1\0-vnc\0:0,password=on\0", "qemu\0-spice\0port=1,password=[redacted],tls=1\0-vnc\0:0,password=on\0"),
    ("/proc/7/cmdline", f"-object\0secret,id=s0,data={PLANTED},format=raw\0", "-object\0secret,id=s0,data=[redacted],format=raw\0"),
    ("/proc/7/cmdline", f'-object\0{{"qom-type":"secret","id":"s0","data":"{B64}"}}\0', '-object\0{"qom-type":"secret","id":"s0","data":"[redacted]"}\0'),
    ("/proc/7/cmdline", f'-object\0{{"data": "{B64}", "qom-type": "secret"}}\0', '-object\0{"data": "[redacted]", "qom-type": "secret"}\0'),
    ("/etc/x", f"<arg value='{{&quot;qom-type&quot;:&quot;secret&quot;,&quot;data&quot;:&quot;{B64}&quot;}}'/>", "<arg value='{&quot;qom-type&quot;:&quot;secret&quot;,&quot;data&quot;:&quot;[redacted]&quot;}'/>"),
    ("/proc/7/environ", f"HOME=/\0DB_PASSWORD={PLANTED}\0LANG=C\0", "HOME=/\0DB_PASSWORD=[redacted]\0LANG=C\0"),
    # storage
    ("/etc/iscsi/iscsid.conf", f"node.session.auth.password = {PLANTED}\nnode.session.auth.password_in = {PLANTED} x\n", "node.session.auth.password = [redacted]\nnode.session.auth.password_in = [redacted]\n"),
    ("/etc/ceph/ceph.client.libvirt.keyring", f"[client]\n\tkey = {CEPH}\n", "[client]\n\tkey = [redacted]\n"),
    ("/etc/libvirt/qemu/web.xml", f"<source name='rbd:p/i:id=x:key={CEPH}:mon_host=y'/>", "<source name='rbd:p/i:id=x:key=[redacted]:mon_host=y'/>"),
    ("/etc/cryptsetup-keys.d/disk.key", PLANTED, "[redacted]"),
    ("/etc/pki/libvirt/disk.key", PLANTED, "[redacted: 12 bytes]"),
    ("/etc/fstab", f"//s/x /x cifs username=me%{PLANTED},pass={PLANTED},noexec 0 0\n", "//s/x /x cifs username=me%[redacted],pass=[redacted],noexec 0 0\n"),
    ("/etc/pki/tls/private/passphrase", PLANTED, "[redacted: 12 bytes]"),
    ("/proc/7/cmdline", f"-object\0data={PLANTED},qom-type=secret,id=s0\0", "-object\0data=[redacted],qom-type=secret,id=s0\0"),
    # keys in words
    ("/etc/pki/libvirt/private/serverkey.pem", "modulus:\n\t00:d1:8c\n\t4d:\n\nprivate exponent:\n\t00:b8:fe\n\tfd:\n\nprime1:\n\t00:ed:c2\n\t\n-----BEGIN X-----\n", "modulus:\n\t00:d1:8c\n\t4d:\n\nprivate exponent:[redacted]\n\n\n\nprime1:[redacted]\n\n\t\n-----BEGIN X-----\n"),
    ("/etc/openvpn/a.pem", f"-----BEGIN OpenVPN Static key V1-----\n{HEX}\n{HEX}\n-----END OpenVPN Static key V1-----\n", "-----BEGIN OpenVPN Static key V1-----[redacted]\n\n\n-----END OpenVPN Static key V1-----\n"),
    # network
    ("/etc/wireguard/wg0.conf", f"PrivateKey = {WIREGUARD}\nPublicKey = {WIREGUARD[::-1]}\nPresharedKey={WIREGUARD}\n", f"PrivateKey = [redacted]\nPublicKey = {WIREGUARD[::-1]}\nPresharedKey=[redacted]\n"),
    ("/etc/NetworkManager/system-connections/x", f"psk={PLANTED}\nleap-password={PLANTED}\npsk-flags=0\nwep-key0={PLANTED}\n", "psk=[redacted]\nleap-password=[redacted]\npsk-flags=0\nwep-key0=[redacted]\n"),
    ("/etc/wpa_supplicant.conf", f'\tpsk="{PLANTED}"\n', '\tpsk="[redacted]"\n'),
    ("/etc/rndc.conf", f'key "k" {{ secret "{PLANTED}"; }};', 'key "k" { secret "[redacted]"; };'),
    ("/etc/snmp/snmpd.conf", f"rocommunity {PLANTED}\nrocommunity public\n", "rocommunity [redacted]\nrocommunity public\n"),
    ("/etc/ppp/chap-secrets", f"a * {PLANTED} *\n", "[redacted]\n"),
    ("/etc/fstab", f"//s/x /x cifs user=a,password={PLANTED},ro 0 0\n", "//s/x /x cifs user=a,password=[redacted],ro 0 0\n"),
    ("/etc/network/interfaces", f"  wpa-psk {PLANTED} x\n  wireless-key1 s:{PLANTED}\n  wpa-ssid x\n", "  wpa-psk [redacted]\n  wireless-key1 [redacted]\n  wpa-ssid x\n"),
    ("/etc/sysconfig/network-scripts/ifcfg-wlan0", f"KEY1='{PLANTED}'\nKEY_MGMT=WPA-PSK\n", "KEY1='[redacted]'\nKEY_MGMT=WPA-PSK\n"),
    ("/etc/NetworkManager/system-connections/x", f"[gsm]\npin={PLANTED}\npassword-raw={PLANTED}\n", "[gsm]\npin=[redacted]\npassword-raw=[redacted]\n"),
    # the cloud and the web
    ("/etc/netplan/a.yaml", f"  auth:\n    password: >-\n      {PLANTED}\n      {PLANTED}\n    identity: x\n", "  auth:\n    password: [redacted]\n\n\n    identity: x\n"),
    ("/var/lib/cloud/user-data", f"password: {PLANTED}\nplain_text_passwd: '{PLANTED}'\nlock_passwd: false\n", "password: [redacted]\nplain_text_passwd: '[redacted]'\nlock_passwd: false\n"),
    ("/var/lib/cloud/user-data", f"chpasswd:\n  expire: no\n  list: |\n    root:{PLANTED}\n    web:{PLANTED}\nrun: x\n", "chpasswd:\n  expire: no\n  list:[redacted]\n\n\nrun: x\n"),
    ("/etc/x.json", f'{{"password": "{PLANTED}\\"{PLANTED}", "a": 1}}', '{"password": "[redacted]", "a": 1}'),
    ("/etc/x.json", f'{{"a": "{{\\"chap_password\\": \\"{PLANTED}\\"}}"}}', '{"a": "{\\"chap_password\\": \\"[redacted]\\"}"}'),
    ("/etc/x", f"proxy=http://u:{PLANTED}@h:8080/\n", "proxy=http://u:[redacted]@h:8080/\n"),
    ("/etc/x", f"Authorization: Bearer {HASHED}\n", "Authorization: [redacted]\n"),
    ("/etc/x", f"curl -H 'Authorization: Basic {HASHED}' x\n", "curl -H 'Authorization: [redacted]' x\n"),
    ("/etc/x", f"header Bearer {HASHED}\n", "header Bearer [redacted]\n"),
    ("/etc/x", f"id eyJ{HASHED}.eyJ{HASHED}.{HASHED}\n", "id [redacted]\n"),
    ("/etc/x", f"api_token={PLANTED}\n", "api_token=[redacted]\n"),
    ("/root/.netrc", f"machine h login u password {PLANTED}\n", "machine h login u password [redacted]\n"),
    ("/etc/x.ppk", f"Private-Lines: 2\n{HASHED}\n{HASHED}\nPrivate-MAC: 1\n", "Private-Lines: 2\n[redacted]\n\nPrivate-MAC: 1\n"),
]  # fmt: skip

OUTPUTS: list[tuple[tuple[str, ...], str, str]] = [
    (("ps", "-eo", "args"), f"qemu -spice port=1,password={PLANTED}'\"<a,tls=1\n", "qemu -spice port=1,password=[redacted],tls=1\n"),
    (("virsh", "secret-get-value", "x"), f"{B64}\n\n", "[redacted]\n\n"),
    (("virsh", "dumpxml", "web", "--security-info"), f"<graphics passwd='{PLANTED}'/>", "<graphics passwd='[redacted]'/>"),
    (("dmsetup", "table", "--showkeys"), f"x: 0 9 crypt aes-xts-plain64 {HEX} 0 8:3 9\ny: 0 9 crypt aes {'0' * 64} 0 8:3 9\n", f"x: 0 9 crypt aes-xts-plain64 [redacted] 0 8:3 9\ny: 0 9 crypt aes {'0' * 64} 0 8:3 9\n"),
    (("cryptsetup", "luksDump", "/dev/x"), f"MK bits: 512\nMK digest: {SPACED} \nMK salt: {SPACED} \n         {SPACED} \nMK iterations: 1\n", "MK bits: 512\nMK digest: [redacted]\nMK salt: [redacted]\n\nMK iterations: 1\n"),
    (("cryptsetup", "luksDump", "/dev/x"), f"\tSalt:       {SPACED} \n\t            {SPACED} \n\tAF stripes: 4000\n", "\tSalt:       [redacted]\n\n\tAF stripes: 4000\n"),
    (("cryptsetup", "luksDump", "--dump-json-metadata", "/dev/x"), f'{{"keyslots":{{"0":{{"salt":"{B64}"}}}},"digests":{{"digest":"{B64}"}}}}', '{"keyslots":{"0":{"salt":"[redacted]"}},"digests":{"digest":"[redacted]"}}'),
    (("wg", "show", "all", "dump"), f"wg0\t{WIREGUARD}\toff\n", "wg0\t[redacted]\toff\n"),
    (("getent", "shadow"), f"old:{PLANTED}a:1:2:3:4:5:6:\n", "old:[redacted]:1:2:3:4:5:6:\n"),
    (("ps", "ax"), f"curl -su root:{PLANTED} h\nopenssl rsa -passin pass:{PLANTED}\n", "curl -su root:[redacted] h\nopenssl rsa -passin pass:[redacted]\n"),
    (("ps", "ax"), f"sshpass -p {PLANTED} ssh h\nvirsh secret-set-value 0f --base64 {PLANTED}\n", "sshpass -p [redacted] ssh h\nvirsh secret-set-value [redacted]\n"),
]  # fmt: skip

# texts that only speak of secrets, or look as if they held one
UNTOUCHED: list[tuple[str, str]] = [
    ("/etc/libvirt/qemu/web.xml", "<graphics type='vnc' passwd='' passwdValidTo='2026-01-01T00:00:00'/>\n"),
    ("/etc/libvirt/qemu/web.xml", "<encryption format='luks'><secret type='passphrase' uuid='0f'/></encryption>\n"),
    ("/etc/libvirt/secrets/0f.xml", "<secret ephemeral='no' private='yes'>\n  <uuid>0f</uuid>\n  <usage type='volume'/>\n</secret>\n"),
    ("/etc/libvirt/qemu.conf", 'vnc_password = ""\nvnc_sasl = 1\ndefault_tls_x509_secret_uuid = "0f"\n'),
    ("/etc/libvirt/libvirtd.conf", 'key_file = "/etc/pki/libvirt/private/serverkey.pem"\nauth_tls = "none"\n'),
    ("/proc/7/cmdline", "-vnc\0:0,password=on\0-blockdev\0{\"key-secret\":\"s0\"}\0-drive\0x,password-secret=s0\0-chardev\0x,data=1\0"),
    ("/proc/7/cmdline", "-object\0secret,id=masterKey0,format=raw,file=/var/lib/libvirt/qemu/domain-1/master-key.aes\0"),
    ("/etc/nsswitch.conf", "passwd: files sss\nshadow: files\n"),
    ("/etc/sudoers", "a ALL=(ALL) NOPASSWD: ALL\nb ALL = PASSWD: /bin/x\n"),
    ("/etc/pam.d/system-auth", "password  requisite  pam_pwquality.so retry=3\npassword required pam_deny.so\n"),
    ("/boot/efi/pam.d/x", "password  [success=1] pam_unix.so\n"),
    ("/etc/ssh/sshd_config", "PasswordAuthentication no\nPermitEmptyPasswords no\n"),
    ("/etc/audit/rules.d/a.rules", "-w /etc/passwd -p wa -k identity\n-a always,exit -F path=/usr/bin/passwd -F key=privileged-passwd\n"),
    ("/etc/shadow", "bin:*:1:2:3:4:5:6:\nweb:!!:19000::::::\nx:!*:1::::::\n"),
    ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nsecret:x:1000:1000:a b:/home/secret:/bin/sh\n"),
    ("/etc/gshadow", "wheel:!::root\nx:::\n"),
    ("/etc/audit/rules.d/b.rules", "-a always,exit -F path=/usr/bin/passwd -k use-of-passwd\n-w /x -p wa -k my-secret\n"),
    ("/proc/cmdline", "rd.luks.key=/root/a.key root=/dev/x iscsi_firmware netroot=iscsi:10.0.0.1::3260::iqn.x\n"),
    ("/etc/libvirt/qemu/web.xml", "<parameter name='CTRL_IP_LEARNING' value='dhcp'/><env name='PASSWORD' value=''/>\n"),
    ("/etc/libvirt/qemu/web.xml", "<qemu:arg value='-spice'/><qemu:arg value='port=5900,tls-port=5901,password=on'/>\n"),
    ("/etc/systemd/system/libvirtd.service", "ExecStart=/bin/systemd-ask-password --password-file /x\n"),
    ("/etc/login.defs", "PASS_MAX_DAYS 90\nENCRYPT_METHOD SHA512\n"),
    ("/etc/x", "echo $1$2 $(x) $6 \"$5\" price $100\n"),
    ("/etc/x", "http://h:8080/a@b ssh://h/ user@host\n"),
    ("/etc/x", "tcp 0.0.0.0:16514 LISTEN 4321/libvirtd\n"),
    ("/etc/selinux/x", "system_u:object_r:passwd_file_t:s0 /etc/passwd\n"),
    ("/etc/pki/CA/cacert.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    ("/etc/pki/x.key", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"),
    ("/etc/x", "\udcff\udc80 plain junk \0\1\n"),
]  # fmt: skip

"""Some of libvirt's own network filters, as libvirt 9.0 stores them, and hosts that have them."""

from __future__ import annotations

from virtwarden.host import Absent, Unknown

DIRECTORY = "/etc/libvirt/nwfilter"

_STORED = """\
<filter name='allow-incoming-ipv4' chain='ipv4' priority='-700'>
  <uuid>54970a35-a25f-462d-aebf-0f3e93bcd13b</uuid>
  <rule action='accept' direction='in' priority='500'/>
</filter>
<filter name='clean-traffic-gateway' chain='root'>
  <uuid>20335c63-4284-4fea-99fe-d5f40f4c7e57</uuid>
  <filterref filter='no-mac-spoofing'/>
  <filterref filter='no-ip-spoofing'/>
  <filterref filter='no-arp-spoofing'/>
  <rule action='accept' direction='inout' priority='-500'>
    <mac protocolid='arp'/>
  </rule>
  <rule action='accept' direction='in' priority='500'>
    <mac srcmacaddr='$GATEWAY_MAC'/>
  </rule>
  <rule action='accept' direction='out' priority='500'>
    <mac dstmacaddr='$GATEWAY_MAC'/>
  </rule>
  <filterref filter='no-other-l2-traffic'/>
  <filterref filter='qemu-announce-self'/>
</filter>
<filter name='clean-traffic' chain='root'>
  <uuid>68db63ad-4e97-4b41-a688-2748b4950569</uuid>
  <filterref filter='no-mac-spoofing'/>
  <filterref filter='no-ip-spoofing'/>
  <rule action='accept' direction='out' priority='-650'>
    <mac protocolid='ipv4'/>
  </rule>
  <filterref filter='allow-incoming-ipv4'/>
  <filterref filter='no-arp-spoofing'/>
  <rule action='accept' direction='inout' priority='-500'>
    <mac protocolid='arp'/>
  </rule>
  <filterref filter='no-other-l2-traffic'/>
  <filterref filter='qemu-announce-self'/>
</filter>
<filter name='no-arp-ip-spoofing' chain='arp-ip' priority='-510'>
  <uuid>8f917ca0-b601-47d6-b8f4-99ce4f032f11</uuid>
  <rule action='return' direction='out' priority='400'>
    <arp arpsrcipaddr='$IP'/>
  </rule>
  <rule action='drop' direction='out' priority='1000'/>
</filter>
<filter name='no-arp-mac-spoofing' chain='arp-mac' priority='-520'>
  <uuid>95e85e5c-9a88-4fa6-9cd5-ef80bfef5753</uuid>
  <rule action='return' direction='out' priority='350'>
    <arp arpsrcmacaddr='$MAC'/>
  </rule>
  <rule action='drop' direction='out' priority='1000'/>
</filter>
<filter name='no-arp-spoofing' chain='root'>
  <uuid>7c40bca9-6c35-4869-b201-b58ed242c1ac</uuid>
  <filterref filter='no-arp-mac-spoofing'/>
  <filterref filter='no-arp-ip-spoofing'/>
</filter>
<filter name='no-ip-spoofing' chain='ipv4-ip' priority='-710'>
  <uuid>0fb2e075-1132-4309-9922-9bb1849a8131</uuid>
  <rule action='return' direction='out' priority='100'>
    <ip srcipaddr='0.0.0.0' protocol='udp'/>
  </rule>
  <rule action='return' direction='out' priority='500'>
    <ip srcipaddr='$IP'/>
  </rule>
  <rule action='drop' direction='out' priority='1000'/>
</filter>
<filter name='no-ipv6-spoofing' chain='ipv6-ip' priority='-610'>
  <uuid>12ef4bb8-d137-4dd0-857b-b932bc8da231</uuid>
  <rule action='return' direction='out' priority='100'>
    <ipv6 srcipaddr='fe80::' srcipmask='10' protocol='udp'/>
  </rule>
  <rule action='return' direction='out' priority='500'>
    <ipv6 srcipaddr='$IPV6'/>
  </rule>
  <rule action='drop' direction='out' priority='1000'/>
</filter>
<filter name='no-mac-spoofing' chain='mac' priority='-800'>
  <uuid>b15155dc-af7f-4ba8-a3ff-d69a2b9619c2</uuid>
  <rule action='return' direction='out' priority='500'>
    <mac srcmacaddr='$MAC'/>
  </rule>
  <rule action='drop' direction='out' priority='500'>
    <mac/>
  </rule>
</filter>
<filter name='no-other-l2-traffic' chain='root'>
  <uuid>de9a9def-1ada-498d-bc05-4d4e1af5c21b</uuid>
  <rule action='drop' direction='inout' priority='1000'/>
</filter>
<filter name='no-other-rarp-traffic' chain='rarp' priority='-400'>
  <uuid>8a920ce8-ef45-403a-9030-e449edca8900</uuid>
  <rule action='drop' direction='inout' priority='1000'/>
</filter>
<filter name='qemu-announce-self-rarp' chain='rarp' priority='-400'>
  <uuid>75a18682-3ae3-4727-a4e5-26d7a9d732b3</uuid>
  <rule action='accept' direction='out' priority='500'>
    <rarp srcmacaddr='$MAC' dstmacaddr='ff:ff:ff:ff:ff:ff' opcode='Request_Reverse'
      arpsrcmacaddr='$MAC' arpdstmacaddr='$MAC'
      arpsrcipaddr='0.0.0.0' arpdstipaddr='0.0.0.0'/>
  </rule>
  <rule action='accept' direction='in' priority='500'>
    <rarp dstmacaddr='ff:ff:ff:ff:ff:ff' opcode='Request_Reverse'
      arpsrcmacaddr='$MAC' arpdstmacaddr='$MAC'
      arpsrcipaddr='0.0.0.0' arpdstipaddr='0.0.0.0'/>
  </rule>
</filter>
<filter name='qemu-announce-self' chain='root'>
  <uuid>1aa8f5dd-2ffd-477c-943d-0690c5445433</uuid>
  <rule action='accept' direction='out' priority='500'>
    <mac protocolid='0x835'/>
  </rule>
  <filterref filter='qemu-announce-self-rarp'/>
  <filterref filter='no-other-rarp-traffic'/>
</filter>
"""

STORED = {piece.split("'")[1]: f"<filter name={piece}" for piece in _STORED.split("<filter name=")[1:]}


def files(**own: str | Unknown | Absent) -> dict[str, str | bytes | Unknown | Absent]:
    """libvirt's filters and the site's own as files; the inner XML of a root filter serves as well as a whole one.
    A name's underscores stand for hyphens."""
    found: dict[str, str | bytes | Unknown | Absent] = {
        f"{DIRECTORY}/{name}.xml": text for name, text in STORED.items()
    }
    for key, text in own.items():
        name = key.replace("_", "-")
        whole = isinstance(text, str) and not text.startswith("<filter ")
        found[f"{DIRECTORY}/{name}.xml"] = f"<filter name='{name}'>{text}</filter>" if whole else text
    return found

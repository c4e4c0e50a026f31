"""From the folder of certificates to the changes that place them: which file of it goes where, and what speaks against
it.

What is placed is a copy: its text goes from file to file and is in no plan. Nothing is placed where something speaks
against it, since a daemon that finds half of a set, or two halves of different ones, does not start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from virtwarden.edits import CopyOf, SetMode
from virtwarden.facts.certificates import Certificates, Offered
from virtwarden.facts.daemon_conf import DaemonConf
from virtwarden.facts.qemu_group import QemuGroup
from virtwarden.formats import Malformed
from virtwarden.host import Absent, Host
from virtwarden.model import Change, Document
from virtwarden.pki.places import QEMU_GROUP, Audience, Part, Place, Use, folders, host_places, overridden
from virtwarden.sources.pemidentity import identity


@dataclass(frozen=True, slots=True)
class Placement:
    """A file of the folder, and where it goes."""

    place: Place
    offered: Offered


def host_placements(
    host: Host, audience: Audience = "host", conf: DaemonConf | None = None
) -> tuple[Placement, ...]:
    """What the folder has for the places of this host; libvirt's own are where its conf file names them. Raises
    `Unknown`, and `Absent` where QEMU's group is needed and there is none."""
    offered = host.get(Certificates)
    has_qemus = any(use != "libvirt" for use in offered.uses)
    group = host.get(QemuGroup).name if has_qemus and audience != "client" else QEMU_GROUP
    places: Iterable[Place] = host_places(audience, group)
    if conf is not None:
        named: dict[Part, str | None] = {
            "cacert": conf.ca_file,
            "cacrl": conf.crl_file,
            "servercert": conf.cert_file,
            "serverkey": conf.key_file,
        }
        places = overridden(places, named)
    return placements(offered, places)


def placements(offered: Certificates, places: Iterable[Place]) -> tuple[Placement, ...]:
    """What the folder has for these places."""
    return tuple(
        Placement(place, offered.files[place.use, place.part])
        for place in places
        if (place.use, place.part) in offered.files
    )


def objections(offered: Certificates, now: datetime, uses: Iterable[Use] = ()) -> Iterator[str]:
    """What speaks against placing any of it, a sentence each; of all uses unless some are named."""
    for foreign in offered.foreign:
        yield f"{foreign.path} {foreign.problem}"
    from virtwarden.facts.certificate_faults import refused  # noqa: PLC0415  # it takes long to load

    for use in uses or offered.uses:
        broken = [each for each in offered.files.values() if each.use == use and each.problem]
        if broken:
            yield from (f"{each.path} {each.problem}" for each in broken)
        else:
            yield from (f"{fault.file}: {fault.message}" for fault in refused(offered, use, now))


def is_placed(host: Host, placement: Placement) -> bool:
    """Whether the place holds the same already. Raises `Unknown`."""
    try:
        return identity(host.source.read(placement.place.path).text) == placement.offered.identity
    except (Absent, Malformed):
        return False


def changes(host: Host, placed: Iterable[Placement], label: str | None = None) -> tuple[Change, ...]:
    """What places them: the directories that are missing, and the copies. Raises `Unknown`."""
    every = tuple(placed)
    missing = [folder for folder in folders(each.place for each in every) if _is_missing(host, folder.path)]
    made = (
        Change(Document("directory", each.path), SetMode(each.mode, each.owner, each.group, label))
        for each in missing
    )
    return (*made, *(_copy(each, label) for each in every))


def _copy(placement: Placement, label: str | None) -> Change:
    place, offered = placement.place, placement.offered
    edit = CopyOf(offered.path, offered.identity, place.mode, place.owner, place.group, label, in_words(offered))
    return Change(Document("file", place.path), edit)


def in_words(offered: Offered) -> str:
    """What a file of the folder is."""
    if offered.part.endswith("key"):
        return f"the private key of a {offered.part.removesuffix('key')}"
    if offered.revocations:
        return f"the revocation list of {offered.revocations[0].issuer}"
    if not offered.certificates:
        return ""
    first = offered.certificates[0]
    kind = "the authority" if offered.part == "cacert" else f"the {offered.part.removesuffix('cert')}"
    return f"{kind} {first.subject}, until {first.not_after:%Y-%m-%d}"


def _is_missing(host: Host, path: str) -> bool:
    try:
        host.source.stat(path)
    except Absent:
        return True
    return False

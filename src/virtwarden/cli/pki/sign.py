"""`virt-warden pki sign`: a certificate for a key that was made elsewhere and stays there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import (
    add_days,
    add_out,
    add_signing,
    authority_of,
    existing,
    path,
    signer_of,
    told,
)
from virtwarden.cli.pki.issue import subject_of

if TYPE_CHECKING:
    from virtwarden.pki.authority import Authority
    from virtwarden.pki.orders import Issued, Order
    from virtwarden.pki.requests import Request
    from virtwarden.pki.roles import Purpose

    Asked = list[tuple[str, Request, Purpose]]
    """Requests, each with its folder below the one that was named, and what it is for."""


def run(words: list[str]) -> int:
    """Show what is asked for, and sign it."""
    chosen = options().parse_args(words)
    authority, out = authority_of(chosen), path(chosen.out)
    asked = _requests(path(chosen.request), chosen)
    orders = [_order(request, purpose, chosen, authority) for _, request, purpose in asked]
    for (folder, request, _), order in zip(asked, orders, strict=True):
        print("\n".join(_shown(folder, request, order)))
    _require_place(asked, out, chosen, authority)
    issued = signer_of(chosen, authority).issue(orders)
    _write(asked, issued, out, chosen, authority)
    for (folder, _, _), each in zip(asked, issued, strict=True):
        print("\n".join(told(each, out / folder)))
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki sign",
        "Sign a request. Its key and names are taken, nothing else of it; its signature and the strength of its key "
        "are looked at. Of a folder, the request.pem in it is signed, or those in its folders USE.",
    )
    made.add_argument("request", metavar="REQUEST", help="the request, or the folder that it or several lie in")
    made.add_argument("--as", dest="role", choices=("server", "client", "peer"), required=True, help="what for")
    add_signing(made)
    add_out(made, "the folder to write, beside the key if it is here, or a FILE.pem for the certificate alone")
    made.add_argument("--use", metavar="USE", help="what a single request is for (default: libvirt)")
    made.add_argument(
        "--name",
        action="append",
        metavar="NAME",
        help="certify this name, and not those that are asked for; repeatable",
    )
    made.add_argument(
        "--subject", metavar="C=..,O=..,OU=..", help="pieces of the subject (default: the authority's O)"
    )
    add_days(made, 397, "days until it ends, at most to the authority's own end")
    return made


def _requests(place: Path, chosen: argparse.Namespace) -> Asked:
    """Each request with its folder below the one that was named, and what it is for. Raises `Complaint`."""
    from virtwarden.pki import requests, roles, secretfiles  # noqa: PLC0415
    from virtwarden.pki.delivery import REQUEST  # noqa: PLC0415
    from virtwarden.pki.places import USES  # noqa: PLC0415

    is_folder = secretfiles.is_there(place) and place.is_dir()
    single = place / REQUEST if is_folder else place
    if not is_folder or secretfiles.is_there(single):
        (purpose,) = roles.purposes(chosen.role, None)
        if chosen.use is not None:
            purpose = roles.Purpose(roles.use_of(chosen.use), chosen.role)
        return [("", requests.read(single), purpose)]
    if chosen.use is not None:
        raise UsageError("--use is for a single request; the folders in a folder name the use of theirs")
    found = [use for use in USES if secretfiles.is_there(place / use / REQUEST)]
    if not found:
        raise UsageError(f"there is no {REQUEST} in {place}, nor in a folder of a use in it")
    wanted = roles.purposes(chosen.role, ",".join(found))
    return [(f"{purpose.use}/", requests.read(place / purpose.use / REQUEST), purpose) for purpose in wanted]


def _require_place(asked: Asked, out: Path, chosen: argparse.Namespace, authority: Authority) -> None:
    from virtwarden.pki import delivery, secretfiles  # noqa: PLC0415

    if not _is_file(out):
        folders = [(folder, purpose.certificates) for folder, _, purpose in asked]
        delivery.require_room(out, folders, authority, existing(chosen))
        for folder, request, purpose in asked:
            delivery.require_key(out / folder, purpose, request.parsed.public_key())
    elif len(asked) > 1:
        raise UsageError(f"{out} is one file, and there are {len(asked)} requests; name a folder")
    elif not chosen.replace:
        secretfiles.require_absent(out.parent, [out.name])


def _write(
    asked: Asked, issued: tuple[Issued, ...], out: Path, chosen: argparse.Namespace, authority: Authority
) -> None:
    from virtwarden.pki import delivery, secretfiles  # noqa: PLC0415

    if _is_file(out):
        secretfiles.place_file(out, secretfiles.Content(issued[0].pem), existing(chosen))
        return
    made = [
        (folder, delivery.Credential(purpose, each.pem))
        for (folder, _, purpose), each in zip(asked, issued, strict=True)
    ]
    secretfiles.place(out, delivery.tree(made, authority), existing(chosen))


def _is_file(out: Path) -> bool:
    """Whether the certificate alone is wanted."""
    return out.suffix == ".pem" and not os.path.isdir(out)


def _order(request: Request, purpose: Purpose, chosen: argparse.Namespace, authority: Authority) -> Order:
    from virtwarden.pki.certifying import Wish  # noqa: PLC0415
    from virtwarden.pki.orders import Order  # noqa: PLC0415

    if purpose.role == "client":
        given = chosen.name or [request.common]
        if len(given) > 1:
            raise UsageError("a client has one name")
    else:
        given = chosen.name or list(request.names) or ([request.common] if request.common else [])
    subject, general = subject_of(purpose, given, chosen.subject, authority)
    wish = Wish(subject, purpose.role, request.parsed.public_key(), general, chosen.days)
    return Order(wish, purpose, "request")


def _shown(folder: str, request: Request, order: Order) -> list[str]:
    """What is asked for. Whoever asks chose the words: nothing in them is to move the cursor of who signs."""
    from virtwarden.pki.names import names_in  # noqa: PLC0415
    from virtwarden.report.visible import visible  # noqa: PLC0415

    lines = [f"asked for{f' in {folder}' if folder else ''}: {request.subject or 'no subject'}, key {request.key}"]
    if request.names:
        lines.append(f"  names {', '.join(request.names)}")
    if request.left_out:
        lines.append(f"  not taken: {', '.join(request.left_out)}")
    taken = () if order.wish.names is None else names_in(order.wish.names)
    if left := [name for name in request.names if name not in taken]:
        lines.append(f"  names not taken: {', '.join(left)}")
    return [visible(line) for line in lines]

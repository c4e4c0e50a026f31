"""One call of a store, made inside a machine: read from standard input, answered on standard output."""

import sys

import msgspec

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.stores import Store
from virtwarden.stores.images import Image, StoreError
from virtwarden.stores.libvirt import domains, nwfilters
from virtwarden.stores.live import LiveDevices, NotLive
from virtwarden.stores.programs import Programs

STORES: dict[str, Store] = {
    "domain": domains(Programs()),
    "old domain": domains(Programs(), checked=False),
    "nwfilter": nwfilters(Programs()),
    "live": LiveDevices(Programs()),
}


class Call(msgspec.Struct):
    """What is asked of which store."""

    store: str
    verb: str
    name: str
    edits: tuple[Edit, ...] = ()
    image: Image | None = None


class Answer(msgspec.Struct):
    """The image that came of it, or why none did."""

    image: Image | None = None
    error: str = ""
    not_live: bool = False


def answer(call: Call) -> Answer:
    """The store's answer."""
    store = STORES[call.store]
    try:
        if call.verb == "image" or call.image is None:
            return Answer(store.image(call.name, call.edits))
        if call.verb == "edited":
            return Answer(store.edited(Document("domain", call.name), call.image, call.edits))
        return Answer(store.put(call.name, call.image))
    except StoreError as wrong:
        return Answer(error=str(wrong), not_live=isinstance(wrong, NotLive))


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Call)
    sys.stdout.buffer.write(msgspec.json.encode(answer(asked)))

"""All documents of one host by one door: each kind goes to the store that keeps it.

Below a directory that is not the running system's root everything is a file: no program is asked, and nothing is
activated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from virtwarden.edits import CopyOf, Edit
from virtwarden.model import Activation, Document, Rewrite
from virtwarden.places import path_of
from virtwarden.stores import Store, auditloading
from virtwarden.stores.activating import activator
from virtwarden.stores.activators import Activator, System
from virtwarden.stores.auditkernel import AuditKernel
from virtwarden.stores.files import Files
from virtwarden.stores.heldback import doors
from virtwarden.stores.images import FileImage, Image, StoreError
from virtwarden.stores.labels import Labels
from virtwarden.stores.libvirt import Definitions, domains, nwfilters
from virtwarden.stores.live import LiveDevices
from virtwarden.stores.nfttables import NftTables
from virtwarden.stores.programs import Programs
from virtwarden.stores.selinux import Booleans, FileContexts
from virtwarden.stores.services import services
from virtwarden.stores.sysctls import Sysctls
from virtwarden.stores.units import Units

_LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Keeper:
    """The documents of the host below `root`. `programs` change documents; `daemons`, which outlive us and so must
    hold no lock, are started without what `programs` hold. `sources` is the root of the files that are copied, where
    it is another one."""

    root: str = "/"
    programs: Programs = field(default_factory=Programs)
    daemons: Programs = field(default_factory=Programs)
    sources: str | None = None

    @property
    def runs(self) -> bool:
        """Whether this is the running system."""
        return self.root == "/"

    def image(self, document: Document, edits: Sequence[Edit] = ()) -> Image:
        """The document as it is, as far as these edits touch it. Raises `StoreError`."""
        store, name = self._store(document)
        return store.image(name, edits)

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the edits made. Raises `StoreError`."""
        return self._store(document)[0].edited(document, image, edits)

    def put(self, document: Document, image: Image) -> Image:
        """Make the document so; the image that it has then. Raises `StoreError`."""
        store, name = self._store(document)
        return store.put(name, image)

    def put_back(self, document: Document, image: Image) -> Image:
        """Make the document as it was, whatever a newer schema says of that. Raises `StoreError`."""
        store, name = self._store(document, checked=False)
        return store.put(name, image)

    def is_spelled(self, document: Document, edits: Sequence[Edit], found: Image, before: Image) -> bool:
        """Whether what is found is what the edits make of what was before, in its keeper's own spelling."""
        if not self.runs:
            return False
        stores: dict[str, Definitions | LiveDevices] = {
            "domain": domains(self.programs),
            "nwfilter": nwfilters(self.programs),
            "live": LiveDevices(self.programs),
        }
        store = stores.get(document.kind)
        return store is not None and store.is_ours(found, before, edits)

    def missing_directories(self, document: Document, image: Image) -> list[str]:
        """The directories that have to be made before this image can be put in place, outermost first."""
        store, name = self._store(document)
        if isinstance(store, Files):
            return store.missing_directories(name)
        return store.missing_directories(image) if isinstance(store, Units) else []

    def new_directory(self) -> FileImage:
        """The image of a directory that is made on the way."""
        return Files(self.root).directory()

    def room_for(self, rewrites: Iterable[Rewrite]) -> int:
        """How many bytes a journal of these rewrites may take. Raises `StoreError` where a disk that holds one of the
        documents has no room for a second one beside it."""
        files = Files(self.root)
        total = _LARGE
        for rewrite in rewrites:
            size = files.size(rewrite.path) if rewrite.path else 0
            total += 5 * size + 4096
            if rewrite.path:
                files.require_room(rewrite.path, size + 4096)
        return total

    def require_sources(self, rewrite: Rewrite) -> None:
        """Raises `StoreError` where a file that is to be copied is not the one that was planned with."""
        for edit in rewrite.edits:
            if isinstance(edit, CopyOf):
                Files(self.root, self.sources).copied(edit)

    def by_the_way(self, document: Document) -> tuple[Document, ...]:
        """The documents that putting this one changes besides: a daemon that starts may load rules of its own."""
        starts = document.kind == "unit" and document.name in auditloading.LOADERS and self.runs
        return auditloading.TOUCHED if starts else ()

    # --- activations -----------------------------------------------------------------------------

    def why_not(self, activation: Activation) -> str:
        """Why an activation is not done: nothing of its kind runs here. Empty where it is to be done."""
        return self._activator(activation).why_not()

    def touches(self, activation: Activation) -> tuple[Document, ...]:
        """The documents that an activation changes."""
        return self._activator(activation).touches()

    def check(self, activation: Activation) -> None:
        """Let those who will read what was written say whether they accept it. Raises `StoreError`."""
        self._activator(activation).check()

    def activate(self, activation: Activation) -> str:
        """Have the running system take what was written; what remains to be said of it. Raises `StoreError`."""
        return self._activator(activation).do()

    def activate_again(self, activation: Activation) -> Iterator[str]:
        """Have it take what was there before; what was done. Raises `StoreError`."""
        if self._activator(activation).again():
            yield f"{activation}: done"

    def let_clients_in(self) -> Iterator[str]:
        """Have libvirt's daemons take new clients again where one of us that was killed held them back; what was done,
        or could not be."""
        for door in doors(self.programs) if self.runs else ():
            try:
                if door.mend():
                    yield f"{door.name}: takes new clients again, which an interrupted reload held back"
            except StoreError as wrong:
                yield f"{door.name} may still hold back new clients: {wrong}"

    def _activator(self, activation: Activation) -> Activator:
        return activator(activation, System(self.programs, services(self.daemons)))

    # --- stores ----------------------------------------------------------------------------------

    def _store(self, document: Document, *, checked: bool = True) -> tuple[Store, str]:
        if document.kind in ("file", "boot", "directory"):
            return Files(self.root, self.sources), document.name
        if document.kind in ("domain", "nwfilter") and not self.runs:
            return Files(self.root), path_of(document)
        if document.kind == "unit":
            return Units(services(self.daemons) if self.runs else None, self.root), document.name
        if not self.runs:
            raise StoreError(f"{document} can only be changed on the host when it runs")
        stores: dict[str, Store] = {
            "domain": domains(self.programs, checked=checked),
            "nwfilter": nwfilters(self.programs, checked=checked),
            "live": LiveDevices(self.programs),
            "sysctl": Sysctls(),
            "boolean": Booleans(self.programs),
            "fcontext": FileContexts(self.programs),
            "labels": Labels(self.programs),
            "audit": AuditKernel(),
            "nft": NftTables(self.programs),
        }
        if document.kind not in stores:
            raise StoreError(f"{document} cannot be changed by a program")
        return stores[document.kind], document.name

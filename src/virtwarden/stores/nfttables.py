"""One table of nft as a document: its text as nft prints it, so that what was in force can be brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StoreError, TextImage
from virtwarden.stores.programs import Programs

RULES = "/etc/virt-warden/management.nft"
MANAGEMENT = Document("nft", "inet virtwarden_management")
_NONE = "No such file or directory"


@dataclass(frozen=True, slots=True)
class NftTables:
    """The tables of the running kernel, by family and name. Loading files changes them, and this brings them back."""

    programs: Programs

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The table; nothing where there is none. Raises `StoreError`."""
        said = self.programs.ask(("nft", "--stateless", "list", "table", *name.split(" ")))
        if said.code != 0 and _NONE in f"{said.stderr}{said.stdout}":
            return Nothing()
        if said.code != 0:
            raise StoreError(f"nft does not tell of table {name}: {said.complaint}")
        return TextImage(said.stdout)

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """Nothing is asked of it but to be brought back."""
        if edits:
            raise StoreError(f"table {document.name} is changed by way of its file")
        return image

    def put(self, name: str, image: Image) -> Image:
        """Have the kernel hold the table so, in one step; what it holds then. Raises `StoreError`."""
        text = image.text if isinstance(image, TextImage) else ""
        if self.image(name) != image:
            self.programs.must(("nft", "-f", "-"), f"table {name}\ndelete table {name}\n{text}")
        return self.image(name)

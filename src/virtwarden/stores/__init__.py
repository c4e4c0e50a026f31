"""Documents as they are and as they are to be: each kind of document has a store that reads and writes it.

A store gives the image of a document, makes edits in an image, and puts an image in place. It knows nothing of plans
or journals; whoever writes through it has noted beforehand what it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from virtwarden.edits import Edit
from virtwarden.model import Document
from virtwarden.stores.images import Image


class Store(Protocol):
    """Reads and writes documents of one kind."""

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The document as it is, as far as these edits touch it. Raises `StoreError`."""
        ...

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the edits made, without changing anything. Raises `StoreError`."""
        ...

    def put(self, name: str, image: Image) -> Image:
        """Make the document so; the image that it has then, in its keeper's own spelling. Raises `StoreError`."""
        ...

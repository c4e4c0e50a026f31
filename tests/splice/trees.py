"""XML in every manner of writing, for laws about edits of it."""

from __future__ import annotations

from hypothesis import strategies as st

from virtwarden.formats import xmltext

TAGS = st.sampled_from(["a", "b", "c"])
VALUES = st.text("ab <>&\"'\t\n\u00e9", max_size=4)
_ENTITIES = {"&": "&amp;", "<": "&lt;", '"': "&quot;", "'": "&#39;", "\t": "&#9;", "\n": "&#10;"}
_BLANKS = st.sampled_from(["", " ", "\n", "\n  ", "\n    ", "\r\n\t", " \n\n  "])
_TEXTS = st.sampled_from(
    ["", "", "text", "\u00e9 &amp;", "<![CDATA[<a x='1'/>]]>", "<!-- <b/> -->", "<?p <c/> ?>"]
)


def escaped(value: str) -> str:
    """A value that may stand in quotes of either kind, and in a text."""
    return "".join(_ENTITIES.get(character, character) for character in value)


@st.composite
def attributes(draw: st.DrawFn) -> str:
    """The attributes of one start tag."""
    written = ""
    for name in draw(st.lists(st.sampled_from(["x", "y", "name"]), max_size=3, unique=True)):
        quote = draw(st.sampled_from(["'", '"']))
        equals = draw(st.sampled_from(["=", "=", " = "]))
        blank = draw(st.sampled_from([" ", " ", "\n  "]))
        written += f"{blank}{name}{equals}{quote}{escaped(draw(VALUES))}{quote}"
    return written


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    """One element."""
    tag, head, tail = draw(TAGS), draw(attributes()), draw(st.sampled_from(["", " ", "\n"]))
    children = draw(st.lists(elements(depth - 1), max_size=3)) if depth else []
    if not children and draw(st.booleans()):
        return f"<{tag}{head}{tail}/>"
    body = "".join(draw(_BLANKS) + draw(_TEXTS) + draw(_BLANKS) + child for child in children)
    return f"<{tag}{head}{tail}>{body}{draw(_BLANKS)}{draw(_TEXTS)}{draw(_BLANKS)}</{tag}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A whole document."""
    declaration = "<?xml version='1.0' encoding='UTF-16'?>\n"
    before = draw(st.sampled_from(["", "\ufeff", declaration, "<!--\n<a>\n-->\n\n"]))
    return before + draw(elements()) + draw(st.sampled_from(["", "\n", "\r\n<!-- end -->\n"]))


@st.composite
def places(draw: st.DrawFn) -> tuple[str, str]:
    """A document and a path that leads to something in it."""
    inner = draw(st.lists(elements(2), min_size=1, max_size=3))
    text = f"<a>{draw(_BLANKS)}{draw(_BLANKS).join(inner)}{draw(_BLANKS)}</a>"
    every = [element for element in xmltext.parse(text).iter() if element.getparent() is not None]
    element: xmltext.Element | None = draw(st.sampled_from(every))
    steps: list[str] = []
    while element is not None and element.getparent() is not None:
        steps.append(draw(st.sampled_from(_names(element))))
        element = element.getparent()
    return text, "/".join(reversed(steps))


def _names(element: xmltext.Element) -> list[str]:
    """The steps of a path that this element would answer to."""
    tag = str(element.tag)
    number = 1 + sum(1 for _ in element.itersiblings(tag, preceding=True))
    values = [(str(name), str(value)) for name, value in element.attrib.items()]
    marks = [f"[@{name}='{value}']" for name, value in values if "'" not in value]
    return [tag, tag, "*", f"{tag}[{number}]", *(f"{tag}{mark}" for mark in marks)]


@st.composite
def paths(draw: st.DrawFn) -> str:
    """A path that may lead somewhere."""
    steps = draw(st.lists(TAGS | st.just("*"), min_size=1, max_size=3))
    predicate = st.sampled_from(["", "", "[1]", "[2]", "[@x]", "[@x='a']", '[@name=""]'])
    return "/".join(step + draw(predicate) + draw(predicate) for step in steps)

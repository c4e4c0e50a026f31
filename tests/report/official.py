"""Documents held against the official schemas of their formats."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
from lxml import etree

SCHEMAS = Path(__file__).parent / "schemas"
_OSCAL = "oscal-assessment-results-1.2.3.json"
_SARIF = "sarif-2.1.0-rtm.5.json"


@lru_cache
def _validator(name: str) -> jsonschema.protocols.Validator:
    text = (SCHEMAS / name).read_text("utf-8")
    # Python's regular expressions have no \p{L} and \p{N}; these classes are the same.
    schema = json.loads(text.replace(r"\\p{L}", r"[^\\W\\d_]").replace(r"\\p{N}", r"\\d"))
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def complaints_of_sarif(text: str) -> list[str]:
    """What is wrong with a text by the schema of SARIF 2.1.0."""
    return [error.message for error in _validator(_SARIF).iter_errors(json.loads(text))]


def complaints_of_oscal(text: str) -> list[str]:
    """What is wrong with a text by the schema of OSCAL assessment results."""
    return [error.message for error in _validator(_OSCAL).iter_errors(json.loads(text))]


def complaints_of_junit(text: str) -> list[str]:
    """What is wrong with a text by the XML schema of Jenkins' JUnit reports."""
    document = etree.fromstring(text.encode(), etree.XMLParser(huge_tree=True))
    schema = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
    return [] if schema.validate(document) else str(schema.error_log).splitlines()


def complaints_of_report(text: str, schema: str) -> list[str]:
    """What is wrong with a text by a JSON Schema given as text."""
    validator = jsonschema.Draft202012Validator(json.loads(schema))
    return [error.message for error in validator.iter_errors(json.loads(text))]

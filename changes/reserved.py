"""Schemas that belong to the server or to this application, and never to a ticket."""

from __future__ import annotations

SYSTEM_SCHEMAS = frozenset({"mysql", "information_schema", "performance_schema", "sys"})
KEPT_PREFIX = "inception_kept_"
"""Of schemas on a target that hold what a schema change would have destroyed."""
PROOF_PREFIX = "inception_proof_"
"""Of scratch schemas on the server for proofs."""


def is_system(schema_name: str) -> bool:
    return schema_name.lower() in SYSTEM_SCHEMAS


def is_own(schema_name: str) -> bool:
    """Whether the name is one that this application gives to schemas of its own."""
    return schema_name.lower().startswith((KEPT_PREFIX, PROOF_PREFIX))

"""Servers that conform and answer otherwise: none of them may ever be called defective.

One module a subject; importing this package registers them all.
"""

from conformance.reference.variants import answer, client, edge, metadata, request

__all__ = ["answer", "client", "edge", "metadata", "request"]

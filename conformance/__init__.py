"""Contract and conformance tests for an OAuth 2.0 token endpoint."""

DISTRIBUTION = "token-conformance"
"""Name of the distribution, by which the console script knows this package from a namesake."""

__version__ = "0.1.0"

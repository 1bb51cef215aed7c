"""Erga Omnes: the knowledge graph of human-rights instruments."""

__version__ = "0.1.0"

"""The doors over HTTP: each module makes one router."""

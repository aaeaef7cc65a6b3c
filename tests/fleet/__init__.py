"""Fleets of nodes whose dumps are audited side by side."""

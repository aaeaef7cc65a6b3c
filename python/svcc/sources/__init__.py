"""Sources of changing objects: directories of manifests that are watched, and streams of watch events.

A source first lists all objects and then says what changes; an object that is not in order is a `Problem`, and what
it said before stays. `svcc.sources.opening.open_source` makes one of what a user names with ``-f``.
"""

"""Mutation testing of the audit: each single change of a ruleset that breaks what was declared must be found.

`python -m tests.mutation` prints the figures. What a mutant does is decided by evaluating every packet of a small
universe, one by one, and comparing with the plain model in `tests.oracle`; the audit has no part in that.
"""

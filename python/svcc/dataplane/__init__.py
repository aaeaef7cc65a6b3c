"""The dataplane: what one node owes to the declared Services, with no nft in it.

It is the contract between what was declared and whatever carries it out: the compiler renders it, and traces, audits
and explanations judge by it.
"""

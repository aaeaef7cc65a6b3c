"""Whether a node does what was declared: proofs, the differences they find, and what those mean to people."""

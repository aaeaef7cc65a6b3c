"""nftables as values: a library of its own that knows nothing of Services."""

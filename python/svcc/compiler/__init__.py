"""From a dataplane to nft objects, and the one call that does it all."""

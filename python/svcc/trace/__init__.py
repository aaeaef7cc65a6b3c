"""What a ruleset does with a packet, without a kernel."""

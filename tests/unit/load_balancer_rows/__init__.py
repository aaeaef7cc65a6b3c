"""Tables of rules: services and pools, and which address comes of them, or which words."""

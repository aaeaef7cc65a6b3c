"""Tables of refusals: services, and the words in which they get nothing."""

"""A compiler that keeps state: changes of objects in, the part of the ruleset that changes out."""

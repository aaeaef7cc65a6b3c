"""The compiler that keeps its state: changed objects in, the part of the ruleset that changes out."""

"""Tables of rules: each row breaks one rule in an object that is otherwise in order."""

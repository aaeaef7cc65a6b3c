"""Text for people and documents for programs, made of values that other layers worked out."""

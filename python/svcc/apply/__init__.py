"""Rulesets into the kernel: what it holds of svcc's, the smallest transaction from there, and what refuses it."""

"""What a Service exposes and to whom, which endpoints stand behind it, and why others do not: for people who ask."""

"""The declared model: frozen values, no behaviour beyond reading them."""

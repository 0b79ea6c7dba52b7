"""The chat server: what a serving profile needs of a GPU, and what an endpoint gives under load."""

"""Is the vault what it should be, and what can be mended: verify and repair."""

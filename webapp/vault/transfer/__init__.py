"""Handing a vault on: to another key, to another vault, to paper, to a tar archive."""

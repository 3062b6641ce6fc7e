"""Prune: frees what no snapshot needs, at the same time as any number of writers, without locks.

Time decides only what it costs. Safety comes from "write mine, then read theirs": steps P1 to P5 of
``docs/vault-format.md``, part 12. Every interleaving of them is tried in the tests, on a model.
"""

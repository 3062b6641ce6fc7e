"""The parts of ``bench.peers``: data sets, the three programs, measuring, and the report."""

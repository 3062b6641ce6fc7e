"""The parts of the console's benches: installations, a past for them, traffic, and the report."""

"""Looking through history: where a path was, and what differs between two snapshots."""

"""Which snapshots stay: rules, tags, pins and holds, and the log of what was forgotten."""

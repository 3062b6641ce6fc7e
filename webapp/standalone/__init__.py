"""What ``lastgood vault …`` does: use cases that need no database, no server and no tenant."""

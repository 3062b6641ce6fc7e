"""Background work: ids in, nothing out, safe to deliver twice. The rows decide, not the queue."""

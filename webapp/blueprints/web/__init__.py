"""What all page families share: the gate, answers to errors, headers, page or fragment."""

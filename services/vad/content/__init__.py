"""What was said, not only that something was: the content of the first second of speech over a reply."""

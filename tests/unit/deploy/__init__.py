"""The files under deploy/, and compose.yaml: what they promise, read off them."""

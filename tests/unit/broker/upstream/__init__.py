"""The drivers of the model's servers."""

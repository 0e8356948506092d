"""broker thinks: it holds the conversation with the model, its history, and what of it was heard."""

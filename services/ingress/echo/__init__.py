"""What the client's speaker puts into its microphone, taken out again: for clients that leave it to the server."""

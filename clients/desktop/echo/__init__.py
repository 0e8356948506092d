"""What the speaker puts into the microphone, taken out again here, where it is known best what was played and when."""

"""An OpenAI-compatible HTTP server for tests: chat, transcription and speech, over real sockets, with faults."""

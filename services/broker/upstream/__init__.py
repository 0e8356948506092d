"""Upstream: the model as the broker's core sees it, "audio and events, with capabilities", and the drivers behind that.

The core speaks one language, the events of the GA Realtime protocol; a driver puts them into what a server
understands, and back. What a server cannot do stands in its `Capabilities`; the core asks there, never for a name.
"""

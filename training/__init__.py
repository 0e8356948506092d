"""Where the small weights in `services/` come from: each package here fits one of them, from recordings to file."""

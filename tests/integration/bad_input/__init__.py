"""Every kind of bad input at both doors: one clear error, nobody else disturbed, nothing left behind."""

"""How fast and how large virt-warden is, measured as whole processes and printed as ratios."""

"""Words that every room shares: errors, events, limits, names, text hygiene. Imports no other room."""

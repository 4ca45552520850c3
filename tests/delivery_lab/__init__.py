"""Delivery against real upstreams that misbehave: one row a fault."""

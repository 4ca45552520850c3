"""One composition root a program: configuration to adapters to engines to loop. Wiring, no logic."""

"""A look inside: gradients by finite differences, causality, what a prediction depends on, and a
record of every tensor of a pass."""

"""§5.2 Training: the loop and one update (trainer.py), the optimisers (optim.py), what a resumed
run needs (state.py), and how Ctrl-C is heard (interrupts.py)."""

"""§5.2 Training: the loop (trainer.py), one update (update.py), the optimisers (optim.py), what a
resumed run needs (state.py), and how Ctrl-C is heard (interrupts.py)."""

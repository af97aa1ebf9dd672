"""Ctrl-C and polite kills that end training after an update. Not the paper."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def stop_requests():
    """Ctrl-C or a polite kill asks the loop to stop after this update; a second one stops at once.

    Yields a function that says whether somebody asked. Signals reach the main thread only.
    """
    asked = threading.Event()

    def handler(number, frame):
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for s, old in before.items():
            signal.signal(s, old)

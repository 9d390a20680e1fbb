"""Load while the configuration changes: a probe that changes it during the window."""
import threading

import machine


class Changes:
    """Asks for a change so many times a second; counts those that took effect."""

    def __init__(self, system, per_s):
        self.system, self.every = system, 1 / per_s
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._change, daemon=True)

    def _change(self):
        machine.act_at_once()
        wait = self.every / 2
        while not self.stop.wait(wait):
            self.system.reload()
            wait = self.every

    def begin(self):
        self.before = self.system.generations()
        self.thread.start()

    def end(self):
        self.stop.set()
        self.thread.join()
        self.changes = self.system.generations() - self.before

    def fields(self, _):
        return {"reloads": self.changes}

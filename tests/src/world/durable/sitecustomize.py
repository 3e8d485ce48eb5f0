"""Python imports this at its start. In the engine's process it stands for disks: at
SIGUSR1 the engine writes down what AWS would have kept by then. By itself it does
so only when it ends in peace.
"""

import os
import signal
import sys


def write_down(_signal, _frame):
    app = sys.modules.get("ministack.app")
    if app is None:
        return  # A function of the engine's, not the engine.
    app.save_all(app._build_persistence_save_dict())
    with open(os.environ["SLUICE_WRITTEN_DOWN"], "w"):
        pass


signal.signal(signal.SIGUSR1, write_down)

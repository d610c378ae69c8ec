"""Start one worker: `python -I .../workers/__main__.py NAME`.

`-I` keeps the working directory, the user's site-packages and PYTHONPATH off `sys.path`. The
package is loaded from its folder under a name of its own, so that the folder is not on the path
either and no module of it can be mistaken for another of that name.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

PACKAGE = "mlenv_workers"


def load_package(folder: Path) -> None:
    """Make the package in `folder` importable as `mlenv_workers`."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, whatever ended it."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):  # Linux: the kernel sees to it at once
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    load_package(Path(__file__).resolve().parent)
    importlib.import_module(f"{PACKAGE}.{sys.argv[1]}").main()

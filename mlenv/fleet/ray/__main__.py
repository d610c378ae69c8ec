"""Start a module of this package with the environment's Python: `python -I .../__main__.py MODULE`.

`pool_server` has the actors, `object_server` reads and writes at addresses. Both take JSON objects
on standard input, one a line, and answer likewise. The package is loaded under a name of its own,
so that `import ray` finds Ray and nothing of mlenv's is on the path.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

PACKAGE = "mlenv_ray"

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{PACKAGE}.{sys.argv[1]}").main()

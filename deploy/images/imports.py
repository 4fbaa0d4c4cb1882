"""Import every module of the named packages: `imports.py PACKAGE...`; what is not whole does not become an image."""

import importlib
import pkgutil
import sys


def every_module(package: str) -> list[str]:
    """Dotted names of the package and of all that is in it, but for `__main__`, which would run."""
    root = importlib.import_module(package)
    inside = pkgutil.walk_packages(root.__path__, prefix=f"{package}.")
    return [package, *(module.name for module in inside if not module.name.endswith(".__main__"))]


names = [name for package in sys.argv[1:] for name in every_module(package)]
for name in names:
    importlib.import_module(name)
print(f"{len(names)} modules import")

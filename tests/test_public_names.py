"""The package itself: it offers every public name, and imports what is behind a name when somebody asks for it."""

from __future__ import annotations

import ast
import inspect
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import svcc

PACKAGE = Path(inspect.getfile(svcc)).parent


def run(program: str) -> str:
    """What a new interpreter prints, which has imported nothing yet."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_name_comes_at_run_time_from_where_type_checkers_see_it() -> None:
    branches = [node for node in ast.parse(inspect.getsource(svcc)).body if isinstance(node, ast.If)]
    imports = [node for branch in branches for node in branch.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert vars(svcc)["_PLACES"] == seen
    assert sorted(seen) == sorted(svcc.__all__)


@pytest.mark.parametrize("name", svcc.__all__)
def test_no_module_hides_a_public_name(name: str) -> None:
    # What is left of a package that was renamed is its cache.
    assert not list((PACKAGE / name).glob("*.*"))
    assert not (PACKAGE / f"{name}.py").exists()


@pytest.mark.parametrize("name", svcc.__all__)
def test_a_public_name_is_what_its_module_has(name: str) -> None:
    value = getattr(svcc, name)
    assert value is vars(sys.modules[vars(svcc)["_PLACES"][name]])[name]
    assert pickle.loads(pickle.dumps(value)) is value or name == "HEADLESS"  # noqa: S301  (of our own)


def test_functions_are_no_modules_whatever_was_imported_before() -> None:
    imports = "import svcc.allocation.complete, svcc.auditing.audit, svcc.compiler.compilation, svcc.dns.resolve"
    kinds = "{type(getattr(svcc, name)).__name__ for name in ('allocate', 'audit', 'compile', 'resolve')}"
    assert run(f"{imports}; import svcc; print({kinds})") == "{'function'}"


def test_what_nobody_asks_for_is_not_imported() -> None:
    imported = "sorted(name for name in sys.modules if name.startswith('svcc'))"
    assert run(f"import svcc, sys; print({imported})") == "['svcc', 'svcc._interrupted']"
    assert "svcc.dns" not in run(f"import sys; from svcc import Service, compile; print({imported})")


def test_everything_can_be_imported_at_once() -> None:
    assert run("from svcc import *; print(Service('web').name, compile.__name__)") == "web compile"


def test_all_names_are_listed() -> None:
    assert set(svcc.__all__) <= set(run("import svcc; print(*dir(svcc))").split())


def test_a_package_is_found_without_importing_it_by_its_name() -> None:
    assert run("import svcc; print(svcc.hashing.Maglev.__name__)") == "Maglev"


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    assert not hasattr(svcc, "no_such_name")
    with pytest.raises(ImportError, match="cannot import name 'Serivce'"):
        exec("from svcc import Serivce")  # noqa: S102  (type checkers would find it)


def test_the_version_is_the_one_in_the_manifest_of_the_crates_and_is_looked_up_when_it_is_asked_for() -> None:
    manifest = tomllib.loads((PACKAGE.parent.parent / "Cargo.toml").read_text(encoding="utf-8"))
    assert svcc.__version__ == manifest["workspace"]["package"]["version"]
    assert "__version__" in dir(svcc)
    late = "'importlib.metadata' in sys.modules"
    assert run(f"import sys, svcc; a = {late}; svcc.__version__; print(a, {late})") == "False True"


def test_a_package_that_is_not_installed_has_no_version() -> None:
    hidden = "import importlib.metadata as m; m.Distribution.discover = classmethod(lambda cls, **_: iter(()))"
    assert run(f"{hidden}; import svcc; print(hasattr(svcc, '__version__'))") == "False"

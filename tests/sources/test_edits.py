"""Whatever is done to a directory, what a source knows in the end is what `load` reads there."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.manifest.load import load
from svcc.sources.directory import DirectorySource
from svcc.validate.update import objects_by_reference
from tests.sources.declared_objects import documents, endpoint_slice, event, line, node, service
from tests.sources.following import Following

BROKEN = "apiVersion: v1\nkind: Service\nmetadata: {name: [\n"


@frozen
class Edit:
    """One thing that somebody does to files below a directory; `other` is where things go to, or what a link names."""

    action: str
    name: str
    other: str
    text: str

    def make(self, folder: Path) -> None:
        path, other = folder / self.name, folder / self.other
        match self.action:
            case "write" if not path.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.text)
            case "replace" if not path.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                (folder / ".next").write_text(self.text)
                (folder / ".next").rename(path)
            case "delete" if path.is_file() or path.is_symlink():
                path.unlink()
            case "delete" | "delete directory" if path.parent != folder and path.parent.is_dir():
                remove(path.parent)
            case "move" if path.is_file() and not other.is_dir() and path != other:
                other.parent.mkdir(parents=True, exist_ok=True)
                path.rename(other)
            case "move directory" if path.parent not in {folder, other.parent} and not other.parent.is_relative_to(
                path.parent
            ):
                if path.parent.exists() and other.parent != folder and not other.parent.exists():
                    path.parent.rename(other.parent)
            case "link" if not path.exists() and not path.is_symlink() and other != path:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(other)
            case "link directory" if not path.parent.exists() and path.parent != folder:
                path.parent.symlink_to(other.parent)
            case _:
                pass


def make(edits: Sequence[Edit], folder: Path) -> None:
    for edit in edits:
        with contextlib.suppress(OSError):  # What the file system refuses, links in a circle above all, is no edit.
            edit.make(folder)


def remove(directory: Path) -> None:
    if directory.is_symlink():
        directory.unlink()
    else:
        shutil.rmtree(directory)


def mend(folder: Path) -> None:
    """What `load` cannot read is mended: links that lead nowhere, and texts that are broken."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not path.exists():
            path.unlink()
        elif path.is_file() and path.read_text() in {BROKEN, ""}:
            path.write_text("# mended\n")


NAMES = st.sampled_from(["a.yaml", "b.json", "z.yaml", "one/a.yaml", "one/c.yml", "two/a.yaml", "two/notes.txt"])
OBJECTS = (
    st.builds(service, st.sampled_from(["web", "api"]), port=st.integers(1, 9))
    | st.builds(endpoint_slice, st.sampled_from(["web", "api"]), st.sampled_from(["10.244.0.1", "10.244.0.2"]))
    | st.builds(node, st.sampled_from(["worker"]))
)
EVENTS = st.lists(st.builds(event, st.sampled_from(["ADDED", "DELETED"]), OBJECTS).map(line), min_size=1, max_size=2)
TEXTS = (
    st.lists(OBJECTS, max_size=3).map(lambda values: documents(*values) or "# none\n")
    | EVENTS.map(lambda lines: b"".join(lines).decode())
    | st.sampled_from([BROKEN, ""])
)
ACTIONS = st.sampled_from(
    [
        "write",
        "write",
        "write",
        "replace",
        "delete",
        "move",
        "delete directory",
        "move directory",
        "link",
        "link directory",
    ]
)
EDITS = st.lists(st.builds(Edit, ACTIONS, NAMES, NAMES, TEXTS), max_size=8)


@settings(max_examples=25)
@given(EDITS, st.lists(EDITS, max_size=3))
def test_any_sequence_of_edits_ends_in_what_load_reads(
    before: Sequence[Edit], rounds: Sequence[Sequence[Edit]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "manifests")
        folder.mkdir()
        (folder / "kept.yaml").write_text(documents(node("kept")))
        make(before, folder)
        mend(folder)
        with Following(DirectorySource([str(folder)])) as following:
            following.until_listed()
            for edits in rounds:
                make(edits, folder)
                mend(folder)
                wanted = objects_by_reference(load([str(folder)]).cluster)
                following.until(lambda so_far, wanted=wanted: so_far.objects == wanted)  # type: ignore[misc]

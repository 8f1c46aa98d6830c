"""The lake of a project: the log as Parquet, by date (docs/formats/lake.md). Only what its commit markers name is read."""
import json

from pyarrow import fs

from gfr import store


def files(uri):
    """The lake's files, in log order, as paths or s3:// URIs. Raises ValueError where offsets are missing between two."""
    system, root = store.open_uri(str(uri), **store.settings())
    found = []
    for entry in system.get_file_info(fs.FileSelector(root, recursive=False)):
        if entry.type != fs.FileType.Directory or not entry.base_name.startswith("date="):
            continue
        try:
            with system.open_input_file(f"{entry.path}/_commit.json") as marker:
                said = json.loads(marker.read())
        except FileNotFoundError:
            continue
        if said["format"] > 2:
            raise ValueError(f"the lake '{uri}' was written by a newer gfr")
        found += [(f["first"], f["end"], f"{entry.path}/{f['name']}") for f in said["files"]]
    found.sort()
    for (_, end, _), (first, _, path) in zip(found, found[1:]):
        if end != first:
            raise ValueError(f"the lake '{uri}' has nothing between offset {end} and {first}, where {path} begins; the next export writes it")
    if not found:
        raise ValueError(f"the lake '{uri}' is empty; an import, or a server within ten minutes of closing a segment, writes it")
    scheme = "s3://" if str(uri).startswith("s3://") else ""
    return [scheme + path for _, _, path in found]


def size(uri):
    """Bytes of the lake's files."""
    system, _ = store.open_uri(str(uri), **store.settings())
    return sum(info.size for info in system.get_file_info([path.removeprefix("s3://") for path in files(uri)]))

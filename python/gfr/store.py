"""Rows on disk or on S3, by Arrow's file systems: what Dask's workers read."""
import os

from pyarrow import fs


def settings():
    """What a worker needs beside its own credentials to reach the same S3 as this process."""
    return {"endpoint": os.environ.get("AWS_ENDPOINT_URL"), "region": os.environ.get("AWS_REGION", "us-east-1")}


def open_uri(uri, endpoint=None, region="us-east-1"):
    """The file system of `uri` (s3://BUCKET/PATH, or a path) and the path in it. Credentials: the environment's AWS_*."""
    if not uri.startswith("s3://"):
        return fs.LocalFileSystem(), uri
    options = {"region": region}
    if endpoint:
        options["scheme"], _, options["endpoint_override"] = endpoint.partition("://")
    return fs.S3FileSystem(**options), uri.removeprefix("s3://")


def put(path, uri):
    """Copies a local file to `uri`."""
    target, where = open_uri(uri, **settings())
    fs.copy_files(path, where, source_filesystem=fs.LocalFileSystem(), destination_filesystem=target)


def remove(uri):
    target, where = open_uri(uri, **settings())
    target.delete_file(where)


def remove_folder(uri):
    """With all that is in it; a missing one is no error."""
    target, where = open_uri(uri, **settings())
    target.delete_dir_contents(where, missing_dir_ok=True)
    if target.get_file_info(where).type == fs.FileType.Directory:
        target.delete_dir(where)

"""What the tests of Spark and Dask share: whether rows made in parts are those of `gfr dataset`, to the bit."""
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq


def bits(column):
    """Values as integers of their bits, nulls apart."""
    array = column.combine_chunks()
    valid = np.asarray(array.is_valid())
    if pa.types.is_floating(array.type):
        values = np.asarray(array.fill_null(0).to_numpy(zero_copy_only=False)).view(np.int32)
    else:
        values = array.to_numpy(zero_copy_only=False).astype(np.uint64 if pa.types.is_unsigned_integer(array.type) else np.int64).view(np.int64)
    return valid, np.where(valid, values, 0)


def same_rows(test, dataset, parts, objectives):
    """`dataset`: a folder of `gfr dataset --out`; `parts`: a folder of gfr.spark or gfr.dask_rows."""
    for name in objectives:
        want = pq.read_table(pathlib.Path(dataset) / f"{name}.parquet")
        folder = pathlib.Path(parts) / f"objective={name}"
        files = sorted(folder.glob("*.parquet"))
        for file in files:
            offsets = pq.read_table(file, columns=["log_offset"], partitioning=None)["log_offset"].to_numpy()
            test.assertTrue((offsets[1:] >= offsets[:-1]).all(), f"{file} is not in log order")
        got = ds.dataset(files).to_table().sort_by([("log_offset", "ascending"), ("line", "ascending")])
        test.assertGreater(len(files), 1, "the test was to make several parts")
        test.assertEqual(got.num_rows, want.num_rows, name)
        test.assertGreater(want.num_rows, 100)
        for column in want.column_names:
            for mine, theirs in zip(bits(want[column]), bits(got[column])):
                test.assertTrue((mine == theirs).all(), f"{name}.{column}")

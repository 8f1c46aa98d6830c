"""GFR, the generalized feed ranker, from Python: a project's datasets, versions and reports.

    import gfr
    project = gfr.Project("demo")
    rows = project.dataset("pctr").to_pandas()

The `gfr` program does the work; it is found as `gfr.Project(..., program=...)`, the environment's GFR, or on the PATH.
`python -m gfr.dask_train` trains on a Dask cluster and `python -m gfr.tune` searches for parameters (docs/python.md).
"""
from gfr.program import GfrError
from gfr.project import Project, Version

__version__ = "0.1.0"
__all__ = ["GfrError", "Project", "Version"]

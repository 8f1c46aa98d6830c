"""What ONNX Runtime and MLflow give for an exported model. usage: onnx_predict.py FOLDER ROWS.npy OUT.npz

ROWS: float32, rows x columns. OUT: an array by output's name; those of MLflow as mlflow.NAME.
"""
import json
import os
import pathlib
import sys
import warnings

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")

import numpy as np
import onnxruntime

folder, rows, out = pathlib.Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
columns = json.loads(session.get_modelmeta().custom_metadata_map["columns"])
names = [o.name for o in session.get_outputs()]
together = dict(zip(names, session.run(None, {"features": rows})))
alone = {name: np.concatenate(parts) for name, parts in zip(names, zip(*(session.run(None, {"features": rows[i:i + 1]}) for i in range(min(50, len(rows))))))}
for name in names:
    assert alone[name].tobytes() == together[name][:50].tobytes(), f"{name} of a row depends on the others"
if len(sys.argv) > 4:
    import mlflow.pyfunc
    import pandas
    warnings.simplefilter("ignore")
    frame = pandas.DataFrame(rows, columns=columns)[sorted(columns)]  # MLflow puts the columns in the signature's order.
    predicted = mlflow.pyfunc.load_model(str(folder)).predict(frame)
    together.update({f"mlflow.{name}": np.asarray(predicted[name]) for name in names})
np.savez(out, **together)

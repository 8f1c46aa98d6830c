"""A forest behind HTTP as a Python team would write it, as fast as it goes: FastAPI (uvloop, httptools, orjson) on one process and one thread
of XGBoost by inplace_predict. Speaks SageMaker's POST /invocations (text/csv, and JSON {"instances"}) and the Open Inference Protocol's infer.

python_model_server.py PORT MODEL     prints "listening on :PORT"
"""
import sys

import fastapi
import numpy as np
import orjson
import xgboost
from asgi import run_app


def add_calls(app, model):
    forest = xgboost.Booster(model_file=model)
    forest.set_param({"nthread": 1})

    @app.post("/invocations")
    async def invocations(request: fastapi.Request):
        body = await request.body()
        if request.headers["content-type"] == "text/csv":
            rows = np.array([line.split(b",") for line in body.splitlines()], np.float32)
            return fastapi.Response(",".join(map(str, forest.inplace_predict(rows).tolist())), media_type="text/csv")
        rows = np.array(orjson.loads(body)["instances"], np.float32)
        return fastapi.Response(orjson.dumps({"predictions": forest.inplace_predict(rows).tolist()}), media_type="application/json")

    @app.post("/v2/models/model/infer")
    async def infer(request: fastapi.Request):
        tensor = orjson.loads(await request.body())["inputs"][0]
        scores = forest.inplace_predict(np.array(tensor["data"], np.float32).reshape(tensor["shape"]))
        reply = {"model_name": "model", "outputs": [{"name": "predict", "shape": list(scores.shape), "datatype": "FP32", "data": scores.tolist()}]}
        return fastapi.Response(orjson.dumps(reply), media_type="application/json")


if __name__ == "__main__":
    run_app(sys.argv[1], lambda app: add_calls(app, sys.argv[2]))

"""A forest behind HTTP as a Python team would write it, as fast as it goes: FastAPI (uvloop, httptools, orjson) on one process and one thread
of XGBoost by inplace_predict. Speaks SageMaker's POST /invocations (text/csv, and JSON {"instances"}) and the Open Inference Protocol's infer.

python_model_server.py PORT MODEL     prints "listening on :PORT"
"""
import contextlib
import socket
import sys

import fastapi
import numpy as np
import orjson
import uvicorn
import xgboost


def main():
    port, model = sys.argv[1:]
    forest = xgboost.Booster(model_file=model)
    forest.set_param({"nthread": 1})

    @contextlib.asynccontextmanager
    async def lifespan(_):
        print(f"listening on :{listener.getsockname()[1]}", flush=True)
        yield

    app = fastapi.FastAPI(lifespan=lifespan)

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

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main()

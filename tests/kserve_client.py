"""KServe's own client asks the server at URL (argv[1]) by the Open Inference Protocol; run in build/clients-venv by model_server_test.py.

Reads {"datatype", "rows"} from its input; prints what the client was told."""
import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

URL = sys.argv[1]
given = json.load(sys.stdin)
x = np.array(given["rows"], dtype={"FP32": np.float32, "FP64": np.float64}[given["datatype"]])


async def refused(call):
    try:
        await call
    except httpx.HTTPStatusError as error:
        return [error.response.status_code, str(error)]


def request(inputs, model="shop"):
    return {"data": InferRequest(model_name=model, infer_inputs=inputs, request_id="r-1"), "model_name": model}


def tensor(name, values, binary=False):
    made = InferInput(name, list(values.shape), given["datatype"])
    made.set_data_from_numpy(values, binary_data=binary)
    return made


async def main():
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=300)) as client:
        matrix = await client.infer(URL, **request([tensor("input", x)]))
        columns = await client.infer(URL, **request([tensor(f"c{k}", x[:, k].copy()) for k in range(x.shape[1])]))
        print(json.dumps({
            "live": await client.is_server_live(URL), "ready": await client.is_server_ready(URL), "model_ready": await client.is_model_ready(URL, "shop"),
            "other_ready": await client.is_model_ready(URL, "other"), "name": matrix.model_name, "id": matrix.id, "shape": matrix.outputs[0].shape,
            "matrix": matrix.outputs[0].as_numpy().tolist(), "columns": columns.outputs[0].as_numpy().tolist(),
            "unknown": await refused(client.infer(URL, **request([tensor("input", x)], "other"))),
            "binary": (await client.infer(URL, **request([tensor("input", x, binary=True)]))).outputs[0].as_numpy().tolist(),
            "narrow": await refused(client.infer(URL, **request([tensor("input", x[:, 1:].copy())])))}))


asyncio.run(main())

"""`gfr serve --model`: predictions equal to the maker's by each protocol, by the protocols' own clients where they are installed."""
import http.client
import json
import os
import shutil
import subprocess
import sys
import unittest

import lightgbm
import numpy as np
import xgboost

from gfr_process import GFR, Folder
from gfr_python import SITE, has_peer, run_client

ROWS, COLUMNS = 40, 6


class ModelServer:
    """`gfr serve --model` or --models, on a free port; ended by its own process id."""

    def __init__(self, *arguments, command=("serve",), env=None):
        self.process = subprocess.Popen([GFR, *command, *map(str, arguments), *(("--listen", "127.0.0.1:0") if command == ("serve",) else ())],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        line = self.process.stdout.readline()
        if not line.startswith("listening on http://"):
            self.process.wait(300)
            raise AssertionError(f"no server: {line} {self.process.stderr.read()}")
        self.port = int(line.strip().rsplit(":", 1)[1])

    def ask(self, method, path, body=None, type="application/json", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request(method, path, body if body is None or isinstance(body, (bytes, str)) else json.dumps(body), {"Content-Type": type, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def post(self, path, body, type="application/json", **headers):
        status, text = self.ask("POST", path, body, type, **headers)
        assert status == 200, (status, text)
        return json.loads(text) if text.startswith("{") and type == "application/json" else text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(300) == 0
        self.process.stdout.close()
        self.process.stderr.close()


def train(folder):
    """One model of each maker, and three classes; rows with missing values, and the maker's own predictions."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(400, COLUMNS)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = (np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) ** 2 > 0.5).astype(int)
    names = [f"c{k}" for k in range(COLUMNS)]
    models = {}
    boosted = xgboost.train({"objective": "binary:logistic", "max_depth": 4}, xgboost.DMatrix(x, y, feature_names=names), 30)
    boosted.save_model(folder / "binary.ubj")
    models["binary.ubj"] = boosted.predict(xgboost.DMatrix(x[:ROWS], feature_names=names))
    classes = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, xgboost.DMatrix(x, y + (x[:, 2] > 1), feature_names=names), 10)
    classes.save_model(folder / "classes.json")
    models["classes.json"] = classes.predict(xgboost.DMatrix(x[:ROWS], feature_names=names))
    light = lightgbm.train({"objective": "binary", "num_leaves": 12, "verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, y, feature_name=names), 30)
    light.save_model(folder / "light.txt")
    models["light.txt"] = light.predict(x[:ROWS].astype(np.float64))
    return x[:ROWS], names, models


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.path = cls.folder.__enter__()
        cls.x, cls.names, cls.predictions = train(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def rows(self):
        return [[None if np.isnan(v) else float(v) for v in row] for row in self.x]

    def check(self, name, got):
        want = self.predictions[name]
        np.testing.assert_array_equal(np.array(got, dtype=want.dtype).reshape(want.shape), want, name)

    def test_every_protocol_predicts_what_the_maker_does(self):
        for name in self.predictions:
            with ModelServer("--model", self.path / name, "--name", "m") as server:
                rows = self.rows()
                self.check(name, server.post("/invocations", {"instances": rows})["predictions"])
                self.check(name, server.post("/invocations", {"instances": [{"features": row} for row in rows]})["predictions"])
                self.check(name, server.post("/invocations", {"inputs": rows})["predictions"])
                self.check(name, server.post("/invocations", json.dumps({"inputs": self.x.astype(float).tolist()}))["predictions"])  # With NaN.
                records = [dict(zip(self.names, row)) for row in rows]
                self.check(name, server.post("/invocations", {"dataframe_records": records})["predictions"])
                turned = self.names[::-1]
                split = {"columns": turned, "index": list(range(ROWS)), "data": [row[::-1] for row in rows]}
                self.check(name, server.post("/invocations", {"dataframe_split": split})["predictions"])
                csv = "".join(",".join("" if v is None else repr(v) for v in row) + "\n" for row in rows)
                answer = server.post("/invocations", csv, "text/csv")
                self.check(name, [float(v) for v in answer.replace("\n", ",").split(",") if v])
                lines = server.post("/invocations", "\n".join(json.dumps({"features": row}) for row in rows), "application/jsonlines")
                self.check(name, [json.loads(line)["prediction"] for line in lines.splitlines()])
                self.check(name, [float(v) for v in server.post("/endpoints/m/invocations", csv, "text/csv").replace("\n", ",").split(",") if v])
                datatype = "FP64" if name == "light.txt" else "FP32"
                infer = {"id": "1", "inputs": [{"name": "x", "shape": [ROWS, COLUMNS], "datatype": datatype, "data": rows}]}
                output = server.post("/v2/models/m/infer", infer)
                self.assertEqual((output["id"], output["outputs"][0]["datatype"]), ("1", datatype))
                self.check(name, output["outputs"][0]["data"])
                each = [{"name": c, "shape": [ROWS], "datatype": datatype, "data": [row[k] for row in rows]} for k, c in enumerate(self.names)]
                self.check(name, server.post("/v2/models/m/versions/1/infer", {"inputs": each})["outputs"][0]["data"])
                for row, want in zip(rows, self.predictions[name]):
                    got = server.post("/invocations", {"instances": [row]})["predictions"][0]
                    np.testing.assert_array_equal(np.array(got, dtype=want.dtype), want)

    def test_a_large_batch_is_read_as_a_small_one(self):
        with ModelServer("--model", self.path / "binary.ubj") as server:
            rows = self.rows() * 250
            got = server.post("/invocations", {"instances": rows})["predictions"]
            np.testing.assert_array_equal(np.array(got, np.float32), np.tile(self.predictions["binary.ubj"], 250))
            status, text = server.ask("POST", "/invocations", b"0" * (17 << 20))
            self.assertEqual(status, 413, text)

    def test_models_of_a_folder_are_loaded_and_unloaded_while_others_predict(self):
        with ModelServer("--models", self.path) as server:
            self.assertEqual(server.ask("GET", "/ping")[0], 200)
            for name in self.predictions:
                self.assertEqual(server.ask("POST", "/models", {"model_name": name, "url": str(self.path / name)})[0], 200)
            for name in self.predictions:
                self.check(name, server.post(f"/models/{name}/invoke", {"instances": self.rows()})["predictions"])
            self.assertEqual(server.ask("POST", "/models", {"model_name": "binary.ubj", "url": str(self.path / "binary.ubj")})[0], 409)
            self.assertEqual(server.ask("POST", "/models", {"model_name": "other", "url": "/etc/passwd"})[0], 400)
            self.assertEqual(server.ask("DELETE", "/models/light.txt")[0], 200)
            self.assertEqual(server.ask("POST", "/models/light.txt/invoke", {"instances": []})[0], 404)

    def test_a_file_that_is_no_model_is_refused_with_its_path(self):
        (self.path / "none.json").write_text("{}")
        done = subprocess.run([GFR, "serve", "--model", self.path / "none.json"], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("none.json", done.stderr)

    def test_on_an_address_that_others_reach_it_needs_a_token_or_open(self):
        model = self.path / "binary.ubj"
        refused = subprocess.run([GFR, "serve", "--model", model, "--listen", "0.0.0.0:0"], capture_output=True, text=True, timeout=300)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("--token-file", refused.stderr)
        token = self.path / "token"
        token.write_text("secret\n")
        body = {"instances": self.rows()}
        with ModelServer("--model", model, "--token-file", token) as server:
            self.assertEqual(server.ask("POST", "/invocations", body)[0], 401)
            self.assertEqual(server.ask("POST", "/invocations", body, Authorization="Bearer secret")[0], 200)
            self.assertEqual(server.ask("GET", "/ping")[0], 200)

    def test_a_sagemaker_container_serves_what_lies_below_opt_ml(self):
        ml = self.path / "root/opt/ml"
        (ml / "model").mkdir(parents=True)
        (ml / "models/light").mkdir(parents=True)
        shutil.copy(self.path / "binary.ubj", ml / "model/xgboost-model")
        shutil.copy(self.path / "light.txt", ml / "models/light/model.txt")
        csv = "".join(",".join("" if v is None else repr(v) for v in row) + "\n" for row in self.rows())
        arguments = ("--root", self.path / "root", "--listen", "127.0.0.1:0")
        with ModelServer(*arguments, command=("container", "serve"), env={**os.environ, "SAGEMAKER_BATCH": "true"}) as server:
            status, text = server.ask("GET", "/ping", None, Host="model.aws.local:8080")
            self.assertEqual((status, text.strip()), (200, ""))
            status, text = server.ask("POST", "/invocations", csv, "text/csv", Host="model.aws.local:8080")
            self.assertEqual(status, 200, text)
            self.check("binary.ubj", [float(line) for line in text.splitlines()])
        with ModelServer(*arguments, command=("container", "serve"), env={**os.environ, "SAGEMAKER_MULTI_MODEL": "true"}) as server:
            self.assertEqual(server.ask("POST", "/models", {"model_name": "light", "url": str(ml / "models/light")})[0], 200)
            self.check("light.txt", server.post("/models/light/invoke", {"instances": self.rows()})["predictions"])
            self.assertEqual(server.ask("POST", "/models", {"model_name": "other", "url": str(ml / "model")})[0], 400)

    def test_a_sagemaker_container_trains_what_it_serves_then(self):
        rng, ml = np.random.default_rng(5), self.path / "trained/opt/ml"
        for name, count in (("train", 3000), ("validation", 1000)):
            (ml / "input/data" / name).mkdir(parents=True)
            x = rng.normal(size=(count, 4)).round(4)
            y = (x[:, 0] - x[:, 1] * x[:, 2] + rng.normal(size=count) > 0).astype(int)
            half = count // 2  # In two files, as a channel may have.
            for part, rows in enumerate((slice(0, half), slice(half, count))):
                np.savetxt(ml / "input/data" / name / f"part-{part}.csv", np.column_stack([y[rows], x[rows]]), delimiter=",", fmt="%.10g")
        config = ml / "input/config"
        config.mkdir(parents=True)
        arguments = [GFR, "container", "train", "--root", self.path / "trained"]
        (config / "hyperparameters.json").write_text(json.dumps({"objective": "binary:logistic", "num_round": "60", "eta": "0.2", "max_depth": "3"}))
        (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        done = subprocess.run(arguments, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\[0\] validation-logloss:0\.\d+\n")
        model = xgboost.Booster(model_file=ml / "model/model.ubj")
        expected = model.predict(xgboost.DMatrix(x))
        p = np.clip(expected, 1e-7, 1 - 1e-7)
        self.assertLess(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), 0.55)  # Of the base rate alone: 0.69.
        csv = "".join(",".join(map(repr, row)) + "\n" for row in x[:50].tolist())
        with ModelServer("--root", self.path / "trained", "--listen", "127.0.0.1:0", command=("container", "serve")) as server:
            status, text = server.ask("POST", "/invocations", csv, "text/csv")
            self.assertEqual(status, 200, text)
            np.testing.assert_allclose([float(v) for v in text.replace("\n", ",").strip(",").split(",")], expected[:50], rtol=1e-6)
        for hyperparameters, hosts, why in (({"num_rounds": "60"}, 1, "hyperparameter 'num_rounds' is not known; valid are objective, num_round"),
                                            ({"eta": "2"}, 1, "eta is '2'; valid is a number from"),
                                            ({"objective": "reg:squarederror"}, 1, "valid is binary:logistic"), ({}, 2, "2 hosts")):
            (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
            (config / "resourceconfig.json").write_text(json.dumps({"hosts": ["algo-1", "algo-2"][:hosts]}))
            done = subprocess.run(arguments, capture_output=True, text=True)
            self.assertEqual(done.returncode, 2)
            for text in (done.stderr, (ml / "output/failure").read_text()):
                self.assertIn(why, text)
        (ml / "input/data/train/part-2.csv").write_text("2,1,1,1,1\n")
        (config / "hyperparameters.json").write_text("{}")
        (config / "resourceconfig.json").unlink()
        done = subprocess.run(arguments, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("part-2.csv:1: the label, in the first column, is 2; valid are 0 and 1", done.stderr)

    def test_boto3s_sagemaker_runtime_invokes_the_endpoint(self):
        if not has_peer("boto3"):
            self.skipTest("SKIPPED: boto3 is not in build/peers-venv")
        sys.path[:0] = map(str, SITE)
        import boto3
        from botocore.config import Config
        with ModelServer("--model", self.path / "binary.ubj", "--name", "shop") as server:
            client = boto3.client("sagemaker-runtime", endpoint_url=f"http://127.0.0.1:{server.port}", region_name="eu-west-1", aws_access_key_id="a",
                                  aws_secret_access_key="b", config=Config(retries={"max_attempts": 0}))
            answer = client.invoke_endpoint(EndpointName="shop", ContentType="application/json", Body=json.dumps({"instances": self.rows()}))
            self.check("binary.ubj", json.loads(answer["Body"].read())["predictions"])
            self.assertEqual(answer["InvokedProductionVariant"], "AllTraffic")
            with self.assertRaises(client.exceptions.ModelError):
                client.invoke_endpoint(EndpointName="shop", ContentType="text/csv", Body="x")
            with self.assertRaises(Exception) as unknown:
                client.invoke_endpoint(EndpointName="other", ContentType="text/csv", Body="1")
            self.assertEqual(unknown.exception.response["Error"]["Code"], "ValidationError")

    def test_kserves_client_infers_over_http(self):
        for name, datatype in (("binary.ubj", "FP32"), ("classes.json", "FP32"), ("light.txt", "FP64")):
            with ModelServer("--model", self.path / name, "--name", "shop") as server:
                got = run_client("kserve_client.py", f"http://127.0.0.1:{server.port}", given={"datatype": datatype, "rows": self.rows()})
            self.assertEqual([got[k] for k in ("live", "ready", "model_ready", "other_ready", "name", "id")], [True, True, True, False, "shop", "r-1"])
            self.assertEqual(got["shape"], list(self.predictions[name].shape))
            self.check(name, got["matrix"])
            self.check(name, got["columns"])
            self.assertEqual((got["unknown"][0], got["narrow"][0]), (404, 400))
            self.assertIn("there is no model 'other'", got["unknown"][1])
            self.check(name, got["binary"])

    def test_tritons_client_infers_over_http(self):
        if not has_peer("tritonclient"):
            self.skipTest("SKIPPED: tritonclient is not in build/peers-venv")
        sys.path[:0] = map(str, SITE)
        import tritonclient.http as triton
        with ModelServer("--model", self.path / "binary.ubj", "--name", "shop") as server:
            client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
            self.assertTrue(client.is_server_live() and client.is_server_ready() and client.is_model_ready("shop"))
            self.assertEqual(client.get_model_metadata("shop")["inputs"][0]["shape"], [-1, COLUMNS])
            tensor = triton.InferInput("input", list(self.x.shape), "FP32")
            tensor.set_data_from_numpy(self.x)  # In binary form; so is the answer, by its default.
            self.check("binary.ubj", client.infer("shop", [tensor]).as_numpy("predict"))
            tensor.set_data_from_numpy(self.x, binary_data=False)
            output = triton.InferRequestedOutput("predict", binary_data=False)
            self.check("binary.ubj", client.infer("shop", [tensor], outputs=[output]).as_numpy("predict"))
            with self.assertRaises(triton.InferenceServerException):
                client.infer("none", [tensor], outputs=[output])


if __name__ == "__main__":
    unittest.main()

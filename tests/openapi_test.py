"""The OpenAPI document is valid by OpenAPI's own validator, and schemathesis finds no answer that is not in it."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from gfr_process import Folder, Server, event, run
from gfr_python import PEERS, environment, has_peer

# What a request must be beside its shape (a time, an item that is named once) is no part of a JSON Schema.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,negative_data_rejection,unsupported_method"


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        cls.server = Server(cls.project, "--clock", "fixed:2026-01-01T12:00:00Z")
        cls.server.post("/v1/events", [event("a"), event("b", "purchase")])
        cls.server.post("/v1/feed", {"user_id": "u1", "request_id": "r1", "candidates": ["i1", "i2"]})

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0
        cls.folder.__exit__()

    def document(self):
        status, headers, body = self.server.request("GET", "/openapi.json")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        return json.loads(body)

    def test_the_document_is_valid_openapi_3_1(self):
        if not has_peer("openapi_spec_validator"):
            self.skipTest("SKIPPED: openapi-spec-validator is not in build/peers-venv")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.document(), file)
            file.flush()
            done = subprocess.run([PEERS, "-m", "openapi_spec_validator", "--schema", "3.1", file.name], capture_output=True, text=True, env=environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_schemathesis_finds_no_500_and_no_answer_that_the_document_does_not_have(self):
        if not has_peer("schemathesis"):
            self.skipTest("SKIPPED: schemathesis is not in build/peers-venv")
        command = [PEERS, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{self.server.port}/openapi.json", "--checks", CHECKS,
                   "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "7", "--request-timeout", "300", "--workers", "1", "--suppress-health-check", "all",
                   "--warnings", "off", "--continue-on-failure", "-H", f"Authorization: {self.server.admin()['Authorization']}"]
        with tempfile.TemporaryDirectory() as elsewhere:  # It keeps a database of examples where it runs.
            done = subprocess.run(command, capture_output=True, text=True, cwd=elsewhere, env={**environment(), "NO_COLOR": "1"})
        self.assertEqual(done.returncode, 0, done.stdout[-20000:] + done.stderr[-2000:])
        self.assertEqual(json.loads(self.server.get("/livez")[1])["status"], "ok")


if __name__ == "__main__":
    unittest.main()

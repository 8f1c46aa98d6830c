"""Scaling manifests: Kubernetes' and KEDA's as YAML with the fields of their APIs, SageMaker's by botocore's service model."""
import json
import subprocess
import sys
import unittest

from gfr_process import SOURCE, Folder, Server, run

RULES = """
[scale]
min_replicas = 2
max_replicas = 20
requests_per_minute = 9000
in_cooldown = "10m"
"""
PEERS = SOURCE / "build/peers-venv/bin/python"
# Of the calls' parameters, by the service's own model; prints what is wrong, and nothing when all is valid.
CHECK = """
import json, sys
import botocore.session, botocore.validate
service = botocore.session.get_session().get_service_model("application-autoscaling")
calls = json.load(sys.stdin)
for name, operation in (("register_scalable_target", "RegisterScalableTarget"), ("put_scaling_policy", "PutScalingPolicy")):
    shape = service.operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(calls[name], shape)
    if report.has_errors(): print(report.generate_report())
    def enums(shape, value, path):
        if shape.type_name == "structure":
            for key, inner in value.items():
                if key not in shape.members: print(path, key, "is no member")
                else: enums(shape.members[key], inner, path + "." + key)
        elif getattr(shape, "enum", None) and value not in shape.enum: print(path, value, "is none of the model's values")
    enums(shape, calls[name], name)
"""


class ScaleManifest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        toml = cls.project / "gfr.toml"
        toml.write_text(toml.read_text() + RULES)

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def manifest(self, *arguments):
        return run("scale", "manifest", *arguments, "--project", self.project)[0]

    def test_sagemakers_calls_are_valid_by_botocores_model(self):
        calls = json.loads(self.manifest("sagemaker", "--endpoint", "shop", "--variant", "green"))
        self.assertEqual(calls["register_scalable_target"]["ResourceId"], "endpoint/shop/variant/green")
        self.assertEqual(calls["put_scaling_policy"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"], 9000)
        self.assertEqual(calls["put_scaling_policy"]["TargetTrackingScalingPolicyConfiguration"]["ScaleInCooldown"], 600)
        if subprocess.run([PEERS, "-c", "import botocore"], capture_output=True).returncode != 0:
            print("SKIPPED: botocore is not in build/peers-venv (tools/setup --test-peers)", file=sys.stderr)
            return
        wrong = dict(calls, register_scalable_target={"ServiceNamespace": "moon", "MaxCapacity": "2"})
        for given, valid in ((calls, True), (wrong, False)):
            said = subprocess.run([PEERS, "-c", CHECK], input=json.dumps(given), capture_output=True, text=True, check=True).stdout
            self.assertEqual(said == "", valid, said)

    def yaml(self, text):
        """Parsed by PyYAML of the test peers; None: it is not there."""
        done = subprocess.run([PEERS, "-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            print("SKIPPED: yaml is not in build/peers-venv (tools/setup --test-peers)", file=sys.stderr)
            return None
        return json.loads(done.stdout)

    def test_the_autoscaler_and_the_scaled_object_follow_a_series_that_the_server_has(self):
        with Server(self.project) as server:
            server.post("/v1/feed", {"user_id": "u1", "candidates": ["i1"]})
            series = 'gfr_request_duration_seconds_count{endpoint="/v1/feed"'
            self.assertTrue(any(line.startswith(series) for line in server.get("/metrics")[1].decode().splitlines()))
        hpa, keda = self.manifest("kubernetes", "--deployment", "readers"), self.manifest("keda", "--deployment", "readers", "--prometheus", "http://prom:9090")
        for text in (hpa, keda):
            self.assertIn('gfr_request_duration_seconds_count{endpoint=', text.replace('\\"', '"'))
        # <<.Series>> is the name alone: without the label every endpoint's requests would count.
        self.assertIn('sum(rate(<<.Series>>{endpoint="/v1/feed",<<.LabelMatchers>>}[1m]))', hpa)
        if (parsed := self.yaml(hpa)) is not None:
            self.assertEqual((parsed["apiVersion"], parsed["kind"]), ("autoscaling/v2", "HorizontalPodAutoscaler"))
            spec = parsed["spec"]
            self.assertEqual((spec["minReplicas"], spec["maxReplicas"], spec["scaleTargetRef"]["name"]), (2, 20, "readers"))
            self.assertEqual(spec["metrics"][0]["pods"]["target"], {"type": "AverageValue", "averageValue": "150000m"})
            self.assertEqual(spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 600)
        if (parsed := self.yaml(keda)) is not None:
            self.assertEqual((parsed["apiVersion"], parsed["kind"]), ("keda.sh/v1alpha1", "ScaledObject"))
            trigger = parsed["spec"]["triggers"][0]
            self.assertEqual((trigger["type"], trigger["metadata"]["threshold"], trigger["metadata"]["serverAddress"]), ("prometheus", "150", "http://prom:9090"))


if __name__ == "__main__":
    unittest.main()

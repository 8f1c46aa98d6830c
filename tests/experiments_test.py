"""Variants and experiments over HTTP: feeds, OFREP by OpenFeature's own provider, and buckets equal to GrowthBook's library."""
import json
import sys
import types
import unittest

from gfr_process import Folder, Server, event, eventually, log_events, make_patient, run, run_json
from gfr_python import SITE, has_peer, run_node

CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")
TOML = """
[request]
platform = "category"

[[variant]]
name = "today"
weight = 1
[[variant]]
name = "short"
weight = 1
feed = { size = 2 }

[[experiment]]
name = "banner"
share = 0.6
[[experiment.arm]]
name = "blue"
[[experiment.arm]]
name = "red"
weight = 2
value = "#f00"

[[experiment]]
name = "search_box"
default = false
[[experiment.arm]]
name = "on"
value = true

[[experiment]]
name = "ios_only"
when = 'platform == "ios"'
default = 1.5
[[experiment.arm]]
name = "on"
value = 2.5

[[experiment]]
name = "rows"
status = "off"
default = 4
[[experiment.arm]]
name = "more"
value = 8
"""


def growthbook():
    """Its hash alone: the package would import an HTTP client that no test has."""
    package = types.ModuleType("growthbook")
    package.__path__ = [str(site / "growthbook") for site in SITE if (site / "growthbook").exists()]
    sys.modules["growthbook"] = package
    sys.path[:0] = map(str, SITE)
    from growthbook import core
    return core


class Experiments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        toml = cls.project / "gfr.toml"
        toml.write_text(toml.read_text() + TOML)
        cls.server = Server(cls.project, *CLOCK)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0
        cls.folder.__exit__()

    def evaluate(self, path, context, **headers):
        status, got, body = self.server.request("POST", "/ofrep/v1/evaluate/flags" + path, json.dumps({"context": context}),
                                                {"Content-Type": "application/json", **headers})
        return status, got, json.loads(body) if body else None

    def test_a_feed_is_of_its_units_variant_and_says_so(self):
        seen = set()
        for n in range(40):
            body = json.dumps({"user_id": f"u{n}", "candidates": ["a", "b", "c"], "request_id": f"feed{n}"})
            status, headers, reply = self.server.request("POST", "/v1/feed", body, {"Content-Type": "application/json"})
            self.assertEqual(status, 200, reply)
            reply = json.loads(reply)
            variant = reply["experiment"]["variant"]
            self.assertEqual(headers["x-Amzn-Invoked-Production-Variant"], variant)
            self.assertEqual(len(reply["items"]), 2 if variant == "short" else 3)
            seen.add(variant)
        self.assertEqual(seen, {"today", "short"})
        for variant, items in (("today", 3), ("short", 2)):
            status, headers, reply = self.server.request(
                "POST", "/v1/feed", json.dumps({"user_id": "u1", "candidates": ["a", "b", "c"], "request_id": variant}),
                {"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Variant": variant})
            self.assertEqual((headers["x-Amzn-Invoked-Production-Variant"], len(json.loads(reply)["items"])), (variant, items))
        status, _, reply = self.server.request("POST", "/v1/feed", json.dumps({"user_id": "u1", "candidates": ["a"]}),
                                               {"Content-Type": "application/json", "X-Amzn-SageMaker-Target-Variant": "green"})
        self.assertEqual(status, 400)
        self.assertIn("valid are today, short", json.loads(reply)["detail"])

    def test_the_library_of_growthbook_comes_to_the_same_arms(self):
        if not has_peer("growthbook"):
            self.skipTest("growthbook is not in build/peers-venv")
        core = growthbook()
        ranges = core.getBucketRanges(2, 0.6, [1 / 3, 2 / 3])
        arms = {}
        for n in range(300):
            user = f"user {n} é日😀"[: 8 + n % 4]
            user += str(n)
            bucket = core.gbhash("banner", user, 2)
            arm = core.chooseVariation(bucket, ranges)
            status, _, flag = self.evaluate("/banner", {"targetingKey": user})
            self.assertEqual(status, 200, flag)
            self.assertEqual(flag["variant"], ("blue", "red")[arm] if arm >= 0 else "default", user)
            arms[flag["variant"]] = arms.get(flag["variant"], 0) + 1
        self.assertEqual(set(arms), {"blue", "red", "default"})

    def test_bulk_evaluation_has_every_flag_and_an_etag_and_exposes_nobody(self):
        before = self.server.get("/metrics")[1].decode()
        status, headers, bulk = self.evaluate("", {"targetingKey": "u1"})
        self.assertEqual(status, 200)
        self.assertEqual([f["key"] for f in bulk["flags"]], ["variant", "banner", "search_box", "ios_only", "rows"])
        status, again, body = self.evaluate("", {"targetingKey": "u1"}, **{"If-None-Match": headers["ETag"]})
        self.assertEqual((status, body, again["ETag"]), (304, None, headers["ETag"]))
        status, other, _ = self.evaluate("", {"targetingKey": "u1", "platform": "ios"}, **{"If-None-Match": headers["ETag"]})
        self.assertEqual(status, 200)
        self.assertNotEqual(other["ETag"], headers["ETag"])
        count = [line for line in before.splitlines() if line.startswith("gfr_exposures_total ")]
        self.assertIn(count[0], self.server.get("/metrics")[1].decode().splitlines())

    def test_errors_are_those_of_the_protocol(self):
        status, _, error = self.evaluate("/nothing", {"targetingKey": "u1"})
        self.assertEqual((status, error["errorCode"]), (404, "FLAG_NOT_FOUND"))
        self.assertEqual(self.evaluate("/banner", {})[2]["errorCode"], "TARGETING_KEY_MISSING")
        self.assertEqual(self.evaluate("/banner", [])[2]["errorCode"], "INVALID_CONTEXT")
        self.assertEqual(self.evaluate("/banner", {"targetingKey": 7})[2]["errorCode"], "INVALID_CONTEXT")
        for body in (b"", b"{", b"[]"):
            status, _, reply = self.server.request("POST", "/ofrep/v1/evaluate/flags/banner", body, {"Content-Type": "application/json"})
            self.assertEqual((status, json.loads(reply)["errorCode"]), (400, "PARSE_ERROR"))
            status, _, reply = self.server.request("POST", "/ofrep/v1/evaluate/flags", body, {"Content-Type": "application/json"})
            self.assertEqual((status, json.loads(reply)["errorCode"]), (400, "PARSE_ERROR"))

    def test_openfeatures_own_provider_gets_values_variants_and_reasons(self):
        if not has_peer("openfeature"):
            self.skipTest("openfeature-provider-ofrep is not in build/peers-venv")
        sys.path[:0] = map(str, SITE)
        from openfeature import api
        from openfeature.contrib.provider.ofrep import OFREPProvider
        from openfeature.evaluation_context import EvaluationContext
        from openfeature.exception import ErrorCode
        from openfeature.flag_evaluation import Reason
        api.set_provider(OFREPProvider(f"http://127.0.0.1:{self.server.port}", timeout=300))
        client = api.get_client()
        context = EvaluationContext("u1", {"platform": "ios"})
        static = client.get_boolean_details("search_box", False, context)
        self.assertEqual((static.value, static.variant, static.reason), (True, "on", Reason.STATIC))
        match = client.get_float_details("ios_only", 0.0, context)
        self.assertEqual((match.value, match.variant, match.reason), (2.5, "on", Reason.TARGETING_MATCH))
        default = client.get_float_details("ios_only", 0.0, EvaluationContext("u1", {"platform": "web"}))
        self.assertEqual((default.value, default.reason), (1.5, Reason.DEFAULT))
        off = client.get_integer_details("rows", 0, context)
        self.assertEqual((off.value, off.reason), (4, Reason.DISABLED))
        split = client.get_string_details("variant", "", context)
        self.assertEqual(split.reason, Reason.SPLIT)
        self.assertIn(split.value, ("today", "short"))
        missing = client.get_string_details("nothing", "mine", context)
        self.assertEqual((missing.value, missing.error_code), ("mine", ErrorCode.FLAG_NOT_FOUND))
        nobody = client.get_string_details("banner", "mine", EvaluationContext())
        self.assertEqual((nobody.value, nobody.error_code), ("mine", ErrorCode.TARGETING_KEY_MISSING))
        wrong = client.get_boolean_details("variant", False, context)
        self.assertEqual(wrong.error_code, ErrorCode.TYPE_MISMATCH)

    def test_openfeatures_provider_for_node_gets_the_same(self):
        printed = run_node("""
const { OpenFeature } = require('@openfeature/server-sdk');
const { OFREPProvider } = require('@openfeature/ofrep-provider');
(async () => {
  await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: process.argv[2], timeoutMs: 300000 }));
  const client = OpenFeature.getClient();
  const ios = { targetingKey: 'u1', platform: 'ios' };
  const short = ({ value, variant, reason, errorCode }) => [value, variant ?? null, reason ?? null, errorCode ?? null];
  console.log(JSON.stringify([
    short(await client.getBooleanDetails('search_box', false, ios)),
    short(await client.getNumberDetails('ios_only', 0, ios)),
    short(await client.getNumberDetails('rows', 0, ios)),
    short(await client.getStringDetails('variant', '', ios)),
    short(await client.getStringDetails('nothing', 'mine', ios)),
    short(await client.getStringDetails('banner', 'mine', {})),
    short(await client.getBooleanDetails('variant', false, ios)),
  ]));
})();
""", f"http://127.0.0.1:{self.server.port}")
        static, match, off, split, missing, nobody, wrong = json.loads(printed)
        self.assertEqual(static, [True, "on", "STATIC", None])
        self.assertEqual(match, [2.5, "on", "TARGETING_MATCH", None])
        self.assertEqual((off[0], off[2]), (4, "DISABLED"))
        self.assertEqual(split[:3], [self.evaluate("/variant", {"targetingKey": "u1"})[2][k] for k in ("value", "variant", "reason")])
        self.assertEqual((missing[0], missing[3]), ("mine", "FLAG_NOT_FOUND"))
        self.assertEqual((nobody[0], nobody[3]), ("mine", "TARGETING_KEY_MISSING"))
        self.assertEqual((wrong[0], wrong[3]), (False, "TYPE_MISMATCH"))

    def test_experiments_are_listed_by_the_server_and_the_command(self):
        listed = json.loads(self.server.get("/v1/experiments", **self.server.admin())[1])
        self.assertEqual([v["share"] for v in listed["variants"]], [0.5, 0.5])
        self.assertEqual([e["status"] for e in listed["experiments"]], ["running", "running", "running", "off"])
        self.assertEqual(run_json("experiment", "list", "--project", self.project), listed)
        self.assertEqual(run_json("experiment", "check", "--project", self.project), {"valid": True, "units_that_change_their_variant": 0.0})


class Exposure(unittest.TestCase):
    def test_one_evaluation_exposes_a_unit_once_and_an_override_nobody(self):
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + TOML)
            with Server(folder / "p", *CLOCK) as server:
                def flag(key, user, **headers):
                    status, _, body = server.request("POST", f"/ofrep/v1/evaluate/flags/{key}", json.dumps({"context": {"targetingKey": user}}),
                                                     {"Content-Type": "application/json", **headers})
                    self.assertEqual(status, 200, body)
                    return json.loads(body)
                for _ in range(3):
                    self.assertEqual(flag("search_box", "u1")["variant"], "on")
                self.assertEqual(flag("rows", "u1")["reason"], "DISABLED")
                self.assertEqual(flag("banner", "u1", **{"X-GFR-Assign": "banner=red"})["value"], "#f00")
                self.assertEqual(server.stop(), 0)
            self.assertEqual(log_events(folder / "p"), 1)

    def test_a_person_has_one_arm_under_the_anonymous_id_and_the_login(self):
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + TOML)
            joins = [{"specversion": "1.0", "id": f"j{n}", "source": "t", "type": "user.alias", "time": "2026-01-01T11:00:00Z",
                      "data": {"user_id": f"login{n}", "anonymous_id": f"cookie{n}"}} for n in range(30)]
            def arms(server, name):
                return [self.flag(server, f"{name}{n}")["variant"] for n in range(30)]
            with Server(folder / "p", *CLOCK) as server:
                self.assertNotEqual(arms(server, "cookie"), arms(server, "login"))
                self.assertEqual(server.post("/v1/events", joins)[0], 202)
                logins = arms(server, "login")
                self.assertEqual(arms(server, "cookie"), logins)
                self.assertEqual(server.stop(), 0)
            with Server(folder / "p", *CLOCK) as server:
                self.assertEqual(arms(server, "cookie"), logins, "after a restart, from the snapshot")

    def flag(self, server, user):
        return json.loads(server.request("POST", "/ofrep/v1/evaluate/flags/banner", json.dumps({"context": {"targetingKey": user}}),
                                         {"Content-Type": "application/json"})[2])

    def test_a_change_that_moves_units_is_refused_and_other_weights_of_variants_move_the_fewest(self):
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + TOML)
            make_patient(toml)
            text = toml.read_text()
            with Server(folder / "p", *CLOCK) as server:
                def reload():
                    status, _, reply = server.request("POST", "/v1/reload", b"", server.admin())
                    return status, json.loads(reply)
                toml.write_text(text.replace("share = 0.6", "share = 0.5"))
                status, reply = reload()
                self.assertEqual(status, 409)
                self.assertIn("'banner' is running, and its share", reply["detail"])
                toml.write_text(text.replace("share = 0.6", "share = 0.8").replace('name = "today"\nweight = 1', 'name = "today"\nweight = 3'))
                self.assertEqual(run_json("experiment", "check", "--project", folder / "p")["units_that_change_their_variant"], 0.25)
                self.assertEqual(reload()[0], 200)
                self.assertEqual(run_json("experiment", "check", "--project", folder / "p")["units_that_change_their_variant"], 0)
                self.assertEqual(server.stop(), 0)
            toml.write_text(text)
            self.assertIn("share, which went down", run("experiment", "check", "--project", folder / "p", expect=2)[1])
            self.assertIn("share, which went down", run("check", "--project", folder / "p", expect=2)[1])


class Models(unittest.TestCase):
    """Two versions on one endpoint, one of them in the shadow of the other too."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        run("simulate", "--project", cls.project, "--users", 300, "--items", 100, "--days", 42, "--seed", 3)
        run("train", "--project", cls.project)
        toml = cls.project / "gfr.toml"
        cls.text = toml.read_text()
        toml.write_text(cls.text.replace("depth = 5", "depth = 3"))
        run("train", "--project", cls.project)
        toml.write_text(cls.text + """
[[variant]]
name = "first"
model = "1"
[[variant]]
name = "second"
model = "2"
[[shadow]]
name = "beside"
model = "2"
share = 1.0
""")

    @classmethod
    def tearDownClass(cls):
        cls.folder.__exit__()

    def test_an_a_a_over_restarts_reloads_and_a_promotion_is_equal_from_the_log_to_the_bit(self):
        toml = self.project / "gfr.toml"
        kept = toml.read_text()
        self.addCleanup(toml.write_text, kept)
        toml.write_text(self.text + """
[[variant]]
name = "a"
[[variant]]
name = "b"

[[experiment]]
name = "banner"
[[experiment.arm]]
name = "blue"
[[experiment.arm]]
name = "red"

[[metric]]
name = "clicks"
window = "2h"
lateness = "1h"
before = "0s"
[[metric]]
name = "click_rate"
kind = "count"
events = "feed.click"
per = "feed.impression"
role = "exploration"
window = "2h"
lateness = "1h"
""")
        looks, met = [], {}

        def visit(server, hour, users, day=1):
            """A feed, its impression, perhaps a click, and an evaluation of the banner, of each user."""
            when = f"2026-03-{day:02}T{hour:02}:00:00Z"
            for n in users:
                user, request = f"aa{n}", f"aa{n}-{len(looks)}"
                status, reply = server.post("/v1/feed", {"user_id": user, "request_id": request, "candidates": [f"i{100000 + k}" for k in range(20)]})
                self.assertEqual((status, reply["degraded"]), (200, []))
                arm = reply["experiment"]["variant"]
                status, _, body = server.request("POST", "/ofrep/v1/evaluate/flags/banner", json.dumps({"context": {"targetingKey": user}}),
                                                 {"Content-Type": "application/json"})
                self.assertEqual(status, 200)
                arms = (arm, json.loads(body)["variant"])
                self.assertEqual(met.setdefault(user, arms), arms, "a unit keeps its arms, whatever happens to the server")
                shown = [i["item_id"] for i in reply["items"][:5]]
                events = [event(request + "-i", "feed.impression", when, user, shown, request_id=request)]
                if n % 3 == 0:
                    events.append(event(request + "-c", "feed.click", when, user, shown[:1], request_id=request))
                status, taken = server.post("/v1/events", events)
                self.assertEqual((status, taken["accepted"]), (202, len(events)), taken)

        def look(server):
            """The server's results, which the command has too: it reads the log from its beginning."""
            status, live = server.post("/v1/experiments/analyze", {})
            self.assertEqual(status, 200, live)
            for result in live["experiments"]:
                self.assertEqual(run_json("experiment", "report", result["experiment"], "--project", self.project)["experiments"], [result])
            days = sorted((self.project / "data/experiments").glob("*.json"))
            self.assertEqual(json.loads(days[-1].read_text()), live, "each day's last report is kept")
            looks.append(live["experiments"])

        def versions(server):
            return server.post("/v1/feed", {"user_id": "aa0", "candidates": ["i100000"]})[1]["model"]["version"]

        run("models", "promote", "1", "--project", self.project)
        with Server(self.project, "--clock", "fixed:2026-03-01T01:00:00Z") as server:
            visit(server, 1, range(60))
            look(server)
            toml.write_text(toml.read_text() + "\n[[metric]]\nname = \"revenue\"\nrole = \"exploration\"\nwindow = \"2h\"\nbefore = \"0s\"\n")
            self.assertEqual(server.request("POST", "/v1/reload", b"", server.admin())[0], 200)
            visit(server, 1, range(60, 100))
            look(server)
            self.assertEqual(versions(server), "1")
            self.assertEqual(server.post("/v1/models/promote", {"version": "2"})[0], 200)
            self.assertEqual(versions(server), "2")
            visit(server, 1, range(30, 130))  # Some come back, under another model.
            look(server)
            server.kill()
        with Server(self.project, "--clock", "fixed:2026-03-01T03:00:00Z") as server:
            look(server)
            self.assertEqual(looks[-1], looks[-2], "a killed server's results come back")
            visit(server, 3, range(100, 160))
            look(server)
            self.assertEqual(server.stop(), 0)
        with Server(self.project, "--clock", "fixed:2026-03-09T00:00:00Z") as server:
            visit(server, 0, [999], day=9)
            look(server)
            self.assertEqual(server.stop(), 0)
        last = {r["experiment"]: r for r in looks[-1]}
        self.assertEqual(set(last), {"variant", "banner"})
        for place, result in enumerate((last["variant"], last["banner"])):
            exposed = {a["name"]: a["exposed"] for a in result["arms"]}
            self.assertEqual(exposed, {arm: sum(m[place] == arm for m in met.values()) for arm in exposed})
            clicks = next(m for m in result["metrics"] if m["metric"] == "clicks")
            self.assertEqual(sum(clicks["units"]), 160, "all but the last one are mature, each counts once")
            self.assertNotIn(result["decision"], ("roll back", "ship", "invalid"), "both arms are the same")

    def test_each_variant_answers_with_its_version_and_the_shadow_scores_beside(self):
        before = log_events(self.project)
        with Server(self.project, "--clock", "fixed:2026-03-01T00:00:00Z") as server:
            versions = set()
            for n in range(20):
                body = {"user_id": f"u{100000 + n}", "request_id": f"v{n}", "candidates": [f"i{100000 + k}" for k in range(30)]}
                status, reply = server.post("/v1/feed", body)
                self.assertEqual(status, 200, reply)
                self.assertEqual(reply["degraded"], [])
                self.assertEqual(reply["model"]["version"], {"first": "1", "second": "2"}[reply["experiment"]["variant"]])
                versions.add(reply["model"]["version"])
            self.assertEqual(versions, {"1", "2"})
            metrics = lambda: server.get("/metrics")[1].decode()
            scored = lambda: sum(float(line.split()[-1]) for line in metrics().splitlines()
                                 if line.startswith(("gfr_shadow_duration_seconds_count", "gfr_shadows_dropped_total")))
            eventually(lambda: scored() >= 20, "the shadow has scored each feed or dropped it")
            text = metrics()
            self.assertEqual(scored(), 20, text)
            self.assertIn('gfr_assigned_feed_duration_seconds_count{experiment="variant",variant="first"}', text)
            dropped = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("gfr_shadows_dropped_total"))
            self.assertEqual(server.stop(), 0)
        self.assertEqual(log_events(self.project) - before, 20 + 20 - dropped, "each feed, and each shadow that was not dropped")
        # A version that is not there is refused by a reload, and a start serves the champion in its place and says so.
        toml = self.project / "gfr.toml"
        served = toml.read_text()
        with Server(self.project, "--clock", "fixed:2026-03-01T00:00:00Z") as server:
            toml.write_text(served.replace('model = "2"', 'model = "9"'))
            status, _, reply = server.request("POST", "/v1/reload", b"", server.admin())
            self.assertIn(status, (409, 503))
            self.assertIn("version 9, which a variant or an experiment names", json.loads(reply)["detail"])
            self.assertEqual(server.stop(), 0)
        with Server(self.project, "--clock", "fixed:2026-03-01T00:00:00Z") as server:
            degraded = {}
            for n in range(20):
                reply = server.post("/v1/feed", {"user_id": f"u{100000 + n}", "candidates": ["i100001"]})[1]
                degraded[reply["experiment"]["variant"]] = reply["degraded"]
            self.assertEqual(degraded, {"first": [], "second": ["model"]})
            self.assertEqual(json.loads(server.get("/readyz")[1])["status"], "degraded")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()

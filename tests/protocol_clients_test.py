"""Foreign protocols by their own clients: AWS Personalize by boto3, Gorse by PyGorse, Feast by its SDK, Segment by its Node library."""
import json
import sys
import unittest

from gfr_process import Folder, Server, eventually, run, run_json
from gfr_python import CLIENTS, SITE, has_peer, run_client, run_node

CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")
SECRETS = """
[serve.tokens]
events = "the-events-token-1"
feed = "the-feed-token-123"

[serve.sigv4]
access_key = "AKIDOFTHESHOP"
secret_key = "a secret key that nobody guesses"
"""


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path[:0] = map(str, SITE)
        cls.folder = Folder()
        cls.project = cls.folder.__enter__() / "p"
        run("init", cls.project)
        toml = cls.project / "gfr.toml"
        toml.write_text(toml.read_text() + SECRETS)
        cls.server = Server(cls.project, *CLOCK)
        cls.url = f"http://127.0.0.1:{cls.server.port}"

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0
        cls.folder.__exit__()

    def accepted(self):
        text = self.server.get("/metrics")[1].decode()
        return int(next(line.split()[-1] for line in text.splitlines() if line.startswith("gfr_events_accepted_total ")))

    def test_boto3_puts_personalize_events_with_a_signature(self):
        if not has_peer("boto3"):
            self.skipTest("SKIPPED: boto3 is not in build/peers-venv")
        import datetime

        import boto3
        from botocore.config import Config
        from botocore.exceptions import ClientError

        def client(secret):
            return boto3.client("personalize-events", endpoint_url=self.url, region_name="eu-west-1", aws_access_key_id="AKIDOFTHESHOP",
                                aws_secret_access_key=secret, config=Config(retries={"max_attempts": 0}))
        sent = dict(trackingId="t", userId="p1", sessionId="s1", eventList=[
            {"eventId": "e1", "eventType": "click", "itemId": "b", "sentAt": datetime.datetime(2026, 1, 1, 11, tzinfo=datetime.timezone.utc),
             "recommendationId": "r-b", "impression": ["a", "b"]}])
        before = self.accepted()
        right = client("a secret key that nobody guesses")
        for _ in range(2):
            self.assertEqual(right.put_events(**sent)["ResponseMetadata"]["HTTPStatusCode"], 200)
        self.assertEqual(self.accepted() - before, 2, "the impression and the click, once")
        with self.assertRaises(ClientError) as wrong:
            client("another secret key, as long").put_events(**sent)
        self.assertEqual(wrong.exception.response["Error"]["Code"], "InvalidSignatureException")

    def test_awss_node_client_puts_personalize_events(self):
        before = self.accepted()
        printed = run_node("""
const { PersonalizeEventsClient, PutEventsCommand } = require('@aws-sdk/client-personalize-events');
const client = new PersonalizeEventsClient({ endpoint: process.argv[2], region: 'eu-west-1', maxAttempts: 1,
  credentials: { accessKeyId: 'AKIDOFTHESHOP', secretAccessKey: 'a secret key that nobody guesses' } });
client.send(new PutEventsCommand({ trackingId: 't', userId: 'n1', sessionId: 's1', eventList: [
  { eventId: 'n1', eventType: 'click', itemId: 'b', sentAt: new Date('2026-01-01T11:00:00Z'), recommendationId: 'r-n', impression: ['a', 'b'] }] }))
  .then(sent => console.log(sent.$metadata.httpStatusCode));
""", self.url)
        self.assertEqual(printed.strip(), "200")
        self.assertEqual(self.accepted() - before, 2)

    def test_pygorse_inserts_and_asks_for_recommendations(self):
        if not has_peer("gorse"):
            self.skipTest("SKIPPED: PyGorse is not in build/peers-venv")
        from gorse import Gorse, GorseException
        events, feeds = Gorse(self.url, "the-events-token-1"), Gorse(self.url, "the-feed-token-123")
        for n in range(5):
            self.assertEqual(events.insert_item({"ItemId": f"g{n}", "Categories": ["toys"], "Labels": {"price": n}}), {"RowAffected": 1})
        self.assertEqual(events.insert_user({"UserId": "gorse-user", "Labels": {"city": "rome"}}), {"RowAffected": 1})
        self.assertEqual(events.insert_feedback("click", "gorse-user", "g1", "2026-01-01T11:00:00Z"), {"RowAffected": 1})
        scored = feeds.get_recommend("gorse-user", n=3)
        self.assertLessEqual(len(scored), 3)
        with self.assertRaises(GorseException) as refused:
            events.get_recommend("gorse-user")
        self.assertEqual(refused.exception.status_code, 401)

    def ask(self, path, token, body):
        status, _, text = self.server.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "X-API-Key": token, "Authorization": f"Bearer {token}"})
        self.assertEqual(status, 200, text)
        return json.loads(text or "null")

    def test_feasts_sdk_reads_what_a_feed_reads(self):
        if not CLIENTS.exists():
            self.skipTest("SKIPPED: no build/clients-venv (tools/setup --clients, as `make test-all` does)")
        at = 1767265200000
        self.ask("/feedback", "the-events-token-1", [
            {"event": "item", "id": "fe1", "item": "fa", "timestamp": str(at), "fields": []},
            {"event": "interaction", "id": "fe2", "user": "fu", "session": "s", "type": "click", "item": "fa", "timestamp": at + 1000}])
        rows = [{"user_id": "fu", "item_id": "fa"}, {"user_id": "fu", "item_id": "fnew"}, {"user_id": "nobody", "item_id": "fa"}]
        columns = {key: [row[key] for row in rows] for key in rows[0]}

        def is_known():
            asked = {"features": ["shop:touch_count"], "entities": {"user_id": ["fu"], "item_id": ["fa"]}}
            return self.ask("/get-online-features", "the-feed-token-123", asked)["results"][-1]["values"] == [1]
        eventually(is_known, "the click is in the features")
        feed = self.ask("/v1/feed", "the-feed-token-123", {"user_id": "fu", "candidates": ["fa", "fnew"], "explain": True})
        by_item = {item["item_id"]: item["features"] for item in feed["items"]}
        names = [feature["name"] for feature in run_json("features", "list", "--project", self.project)["features"]]
        self.assertEqual(set(names), set(by_item["fa"]))
        got = run_client("feast_client.py", self.url, given={"features": names, "rows": rows, "token": "the-feed-token-123"})
        self.assertEqual({key: got["plain"].pop(key) for key in columns}, columns)
        self.assertEqual(list(got["plain"]), names)
        seen = set()
        for name in names:
            for k, item in enumerate(("fa", "fnew")):
                seen.add(got["statuses"][name][k])
                if got["statuses"][name][k] != "NOT_FOUND":
                    self.assertEqual(got["plain"][name][k], by_item[item][name], name)
            self.assertTrue(got["statuses"][name][2] == "PRESENT" or got["plain"][name][2] is None, name)
        self.assertEqual([row["user_clicks_7d"] for row in got["read"]], [1, 1, None], "a user's feature by the user alone")
        self.assertEqual(got["plain"]["user_clicks_7d"], [1, 1, None])
        self.assertLessEqual({"PRESENT", "NULL_VALUE", "NOT_FOUND"}, seen)
        self.assertEqual(got["full"], {**columns, **{f"shop__{name}": values for name, values in got["plain"].items()}})
        self.assertTrue(got["refused"], "a token that is none of the server's")

    def test_segments_node_library_sends_a_batch(self):
        script = """
const { Analytics } = require('@segment/analytics-node');
const analytics = new Analytics({ writeKey: 'the-events-token-1', host: process.argv[2], maxRetries: 0, flushAt: 3 });
analytics.on('error', e => { console.error(e); process.exit(1); });
analytics.identify({ userId: 'seg1', anonymousId: 'anon1', traits: { city: 'rome' } });
analytics.track({ userId: 'seg1', event: 'Product List Viewed', properties: { list_id: 'home', products: [{ product_id: 'a', position: 1 }] } });
analytics.track({ userId: 'seg1', event: 'Product Clicked', properties: { product_id: 'a', position: 1 } });
analytics.closeAndFlush({ timeout: 300000 }).then(() => console.log('sent'));
"""
        # Its messages are of now; the server's clock is not.
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + SECRETS)
            with Server(folder / "p") as server:
                self.assertEqual(run_node(script, f"http://127.0.0.1:{server.port}").strip(), "sent")
                text = server.get("/metrics")[1].decode()
                self.assertIn("gfr_events_accepted_total 4", text, "an alias, a user's traits, an impression and a click")
                self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()

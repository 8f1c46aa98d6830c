"""S3 alone: an empty machine with gfr.toml and credentials gets the log and the models from S3, trains, and serves the same feeds, also when one call in ten fails."""
import contextlib
import http.server
import json
import os
import shutil
import threading
import unittest

from faulty_s3 import Moto, Proxy
from gfr_process import Folder, Server, run, run_json
from gfr_python import has_peer

CLOCK = ("--clock", "fixed:2026-02-12T12:00:00Z")
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
NONE = {"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}


@contextlib.contextmanager
def only(**variables):
    """This process's environment with no AWS variables but these."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update({**NONE, **variables})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def feeds(project):
    """What six users are shown and why, and by which version."""
    out = {}
    with Server(project, *CLOCK) as server:
        for user in range(6):
            status, reply = server.post("/v1/feed", {"user_id": f"u{user}", "candidates": [f"i{k}" for k in range(12)], "explain": True})
            assert status == 200, reply
            out[user] = [(i["item_id"], i["scores"], i["features"]) for i in reply["items"]]
    return out


def make_project(folder):
    run("init", folder)
    toml = (folder / "gfr.toml").read_text()
    assert "[registry]" not in toml
    (folder / "gfr.toml").write_text(toml + '\n[registry]\nlocation = "s3://bucket/models"\n')
    run("simulate", "--project", folder, "--users", 200, "--items", 80, "--days", 42, "--seed", 3)


def forests(moto, version, registry="models"):
    """The hashes of a version's files that score."""
    files = json.loads(moto.get(f"{registry}/feed/{version}/manifest.json"))["files"]
    return {name: entry["sha256"] for name, entry in files.items() if not name.endswith(".json")}


class S3Alone(unittest.TestCase):
    def setUp(self):
        if not has_peer("moto"):
            print("SKIPPED: dask: moto is not there; `tools/setup --test-peers` installs it")
            self.skipTest("moto is not there")

    def test_an_empty_machine_trains_and_serves_the_same_feeds_while_one_call_in_ten_fails(self):
        with Folder() as folder, Moto() as moto:
            here, there = folder / "here", folder / "there"
            with only(**KEYS, AWS_ENDPOINT_URL=moto.endpoint):
                make_project(here)
                run("train", "--project", here)
                shown = feeds(here)
                run("backup", "s3://bucket/shop", "--project", here)
                run("dataset", "--project", here, "--out", folder / "rows-here")
                trained = run_json("train", "--project", here)
            there.mkdir()
            shutil.copy(here / "gfr.toml", there / "gfr.toml")
            # All that is left of the first machine is what lies on S3.
            here.rename(folder / "gone")
            with Proxy(moto.host, errors=0.1, seed=5) as proxy, only(**KEYS, AWS_ENDPOINT_URL=proxy.endpoint):
                run("restore", "s3://bucket/shop", there)
                run("dataset", "--project", there, "--out", folder / "rows-there")
                for file in sorted(p.name for p in (folder / "rows-here").glob("*.parquet")):
                    self.assertTrue((folder / "rows-here" / file).read_bytes() == (folder / "rows-there" / file).read_bytes(), file)
                again = run_json("train", "--project", there)
                self.assertEqual((trained["version"], again["version"]), ("2", "3"))
                self.assertTrue(forests(moto, 2))
                self.assertTrue(forests(moto, 3) == forests(moto, 2), "another model came of the same events")
                run("models", "promote", "1", "--project", there)
                self.assertEqual(feeds(there), shown)
                # Errors hit calls that have an effect, and calls before the effect: enough of them that each kind came.
                while proxy.calls < 150:
                    run("models", "list", "--project", there)
                self.assertGreaterEqual(len(proxy.spoilt), 4, proxy.spoilt)
                print(f"{proxy.calls} calls, spoilt: {proxy.spoilt}")

    def test_a_project_in_a_store_needs_no_backup(self):
        with Folder() as folder, Moto() as moto:
            here, there = folder / "here", folder / "there"
            with only(**KEYS, AWS_ENDPOINT_URL=moto.endpoint):
                run("init", here)
                toml = (here / "gfr.toml").read_text()
                assert "[store]" not in toml
                (here / "gfr.toml").write_text(toml + '\n[store]\ndir = "s3://bucket/shop"\n')
                run("simulate", "--project", here, "--users", 200, "--items", 80, "--days", 42, "--seed", 3)
                trained = run_json("train", "--project", here)
                run("dataset", "--project", here, "--out", folder / "rows-here")
                shown = feeds(here)
            there.mkdir()
            shutil.copy(here / "gfr.toml", there / "gfr.toml")
            here.rename(folder / "gone")
            with Proxy(moto.host, errors=0.1, seed=5) as proxy, only(**KEYS, AWS_ENDPOINT_URL=proxy.endpoint):
                run("dataset", "--project", there, "--from-lake", "--out", folder / "rows-lake")
                again = run_json("train", "--project", there)
                self.assertEqual((trained["version"], again["version"]), ("1", "2"))
                one, two = (forests(moto, version, "shop/models") for version in (1, 2))
                self.assertTrue(one)
                self.assertTrue(one == two, "another model came of the same events")
                # Version 1 serves on: what is trained second is no champion by itself.
                self.assertEqual(feeds(there), shown)
                for file in sorted(p.name for p in (folder / "rows-here").glob("*.parquet")):
                    self.assertTrue((folder / "rows-here" / file).read_bytes() == (folder / "rows-lake" / file).read_bytes(), file)
                # An erasure here is one there.
                run("erase", "u3", "--project", there)
            (folder / "third").mkdir()
            shutil.copy(there / "gfr.toml", folder / "third/gfr.toml")
            with only(**KEYS, AWS_ENDPOINT_URL=moto.endpoint):
                run("dataset", "--project", folder / "third", "--full", "--out", folder / "rows-third")
                run("dataset", "--project", there, "--full", "--from-lake", "--out", folder / "rows-there")
                for file in sorted(p.name for p in (folder / "rows-third").glob("*.parquet")):
                    self.assertTrue((folder / "rows-third" / file).read_bytes() == (folder / "rows-there" / file).read_bytes(), file)
                self.assertEqual((folder / "third/data/erased").read_bytes(), (there / "data/erased").read_bytes())
            spoilt = proxy.spoilt
            print(f"{proxy.calls} calls, spoilt: {spoilt}")
            self.assertTrue(spoilt)

    def test_an_interrupted_restore_is_no_project(self):
        with Folder() as folder, Moto() as moto, only(**KEYS, AWS_ENDPOINT_URL=moto.endpoint):
            make_project(folder / "p")
            made = run_json("backup", "s3://bucket/shop", "--project", folder / "p")
            there = folder / "there"
            there.mkdir()
            (there / "gfr.toml").write_text("# mine\n" + (folder / "p/gfr.toml").read_text())
            with Proxy(moto.host, errors=1, seed=1, kinds=("500", "503", "closed")) as proxy, only(**KEYS, AWS_ENDPOINT_URL=proxy.endpoint):
                _, error = run("restore", "s3://bucket/shop", there, expect=1)
                self.assertIn("s3://bucket/shop", error)
            # Nothing was begun; then it is restored, with the gfr.toml that stood there.
            run("restore", "s3://bucket/shop", there, "--backup", made["backup"])
            self.assertTrue((there / "gfr.toml").read_text().startswith("# mine\n"))
            (folder / "other").mkdir()
            (folder / "other/gfr.toml").write_text("")
            (folder / "other/notes").write_text("")
            _, error = run("restore", "s3://bucket/shop", folder / "other", expect=1)
            self.assertIn("gfr.toml alone", error)

    def test_each_kind_of_credentials_opens_the_registry(self):
        role = {"Code": "Success", "AccessKeyId": "role", "SecretAccessKey": "secret", "Token": "token", "Expiration": "2199-01-01T00:00:00Z"}
        asked = []

        class Metadata(http.server.BaseHTTPRequestHandler):
            def handle_call(self):
                asked.append((self.command, self.path, self.headers.get("Authorization") or self.headers.get("X-aws-ec2-metadata-token") or ""))
                texts = {"/latest/api/token": "session", "/latest/meta-data/iam/security-credentials/": "shop-role\n"}
                text = texts.get(self.path, json.dumps(role)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = handle_call

            def log_message(self, *_):
                pass

        metadata = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
        threading.Thread(target=metadata.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{metadata.server_address[1]}"
        with Folder() as folder, Moto() as moto:
            with only(**KEYS, AWS_ENDPOINT_URL=moto.endpoint):
                run("init", folder / "p")
                toml = (folder / "p/gfr.toml").read_text()
                (folder / "p/gfr.toml").write_text(toml + '\n[registry]\nlocation = "s3://bucket/models"\n')
            (folder / ".aws").mkdir()
            (folder / ".aws/credentials").write_text("[shop]\naws_access_key_id = key\naws_secret_access_key = secret\n")
            (folder / "token").write_text("a.web.token\n")
            kinds = {
                "profile": {"HOME": str(folder), "AWS_PROFILE": "shop"},
                "container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "permit"},
                "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"},
                "web identity": {"AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"), "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/shop"},
            }
            for kind, variables in kinds.items():
                with self.subTest(kind), only(**{"HOME": str(folder / "nobody"), "AWS_ENDPOINT_URL": moto.endpoint, **variables}):
                    run("models", "list", "--project", folder / "p")
            self.assertIn(("GET", "/container", "permit"), asked)
            self.assertIn(("GET", "/latest/meta-data/iam/security-credentials/shop-role", "session"), asked)
            with only(HOME=str(folder / "nobody"), AWS_ENDPOINT_URL=moto.endpoint):
                _, error = run("models", "list", "--project", folder / "p", expect=2)
                self.assertIn("AWS_ACCESS_KEY_ID", error)
        metadata.shutdown()
        metadata.server_close()


if __name__ == "__main__":
    unittest.main()

"""The client libraries of Python, JavaScript and Java against a running server: each does the same, and comes to the same buckets."""
import http.server
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import unittest

from gfr_process import SOURCE, Folder, Server, event, run

sys.path.insert(0, str(SOURCE / "python"))
CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")
TOKEN = "0123456789abcdef"
TOML = """
[[experiment]]
name = "half"
salt = "a salt"
[[experiment.arm]]
name = "a"
[[experiment.arm]]
name = "b"
"""
UNITS = ["u1", "u2", "ünï", "\U0001f600", "", *(f"user-{n}" for n in range(200))]

# Each prints one JSON object: what the calls gave, in this order. Arguments: URL, token, admin token, URL of a server that is
# busy twice, URL where nobody listens, the units.
JAVASCRIPT = """
import { Client, GfrError, bucket } from "CLIENT";
const [url, token, admin, busy, nobody, units] = process.argv.slice(2);
const gfr = new Client(url, { token });
const item = (id) => ({ id, source: "t", type: "item.view", time: "2026-01-01T11:00:00Z", data: { user_id: "u1", items: [{ item_id: "i1" }] } });
const status = async (call) => { try { await call(); return 200; } catch (e) { if (!(e instanceof GfrError)) throw e; return e.status; } };
console.log(JSON.stringify({
  events: await gfr.events([item("e1"), { ...item("e2"), type: "no.such" }]),
  refused: await gfr.events([{ ...item("e3"), type: "no.such" }]),
  feed: await gfr.feed({ request_id: "r1", user_id: "u1", candidates: ["i1", "i2"] }),
  flag: await gfr.evaluate("half", "user-1"),
  status: await gfr.status(),
  explained: await new Client(url, { token: admin }).explain("r1"),
  wrong_token: await status(() => new Client(url, { token: "wrong" }).feed({ user_id: "u1" })),
  bad_request: await status(() => gfr.feed({ user_id: "u1", size: 0 })),
  busy: await new Client(busy).events([]),
  impatient: await status(() => new Client(busy, { retries: 0 }).events([])),
  nobody: await status(() => new Client(nobody, { retries: 1 }).status()),
  buckets: JSON.parse(units).map((unit) => bucket("a salt", unit)),
}));
"""
JAVA = """
import java.net.http.HttpClient;
import java.time.Duration;
import java.util.StringJoiner;

public class Drive {
  interface Call { String run() throws Exception; }
  static int status(Call call) throws Exception {
    try { call.run(); return 200; } catch (GfrClient.GfrException e) { return e.status(); }
  }
  static GfrClient of(String url, String token, int retries) {
    return new GfrClient(url, token, Duration.ofSeconds(30), retries, HttpClient.newHttpClient());
  }
  static String item(String id, String type) {
    return "{\\"specversion\\":\\"1.0\\",\\"id\\":\\"" + id + "\\",\\"source\\":\\"t\\",\\"type\\":\\"" + type
        + "\\",\\"time\\":\\"2026-01-01T11:00:00Z\\",\\"data\\":{\\"user_id\\":\\"u1\\",\\"items\\":[{\\"item_id\\":\\"i1\\"}]}}";
  }
  public static void main(String[] a) throws Exception {
    GfrClient gfr = new GfrClient(a[0], a[1]);
    StringJoiner out = new StringJoiner(",", "{", "}");
    out.add("\\"events\\":" + gfr.events("[" + item("e1", "item.view") + "," + item("e2", "no.such") + "]"));
    out.add("\\"refused\\":" + gfr.events("[" + item("e3", "no.such") + "]"));
    out.add("\\"feed\\":" + gfr.feed("{\\"request_id\\":\\"r1\\",\\"user_id\\":\\"u1\\",\\"candidates\\":[\\"i1\\",\\"i2\\"]}"));
    out.add("\\"flag\\":" + gfr.evaluate("half", "{\\"context\\":{\\"targetingKey\\":\\"user-1\\"}}"));
    out.add("\\"status\\":" + gfr.status());
    out.add("\\"explained\\":" + of(a[0], a[2], 5).explain("r1"));
    out.add("\\"wrong_token\\":" + status(() -> of(a[0], "wrong", 5).feed("{\\"user_id\\":\\"u1\\"}")));
    out.add("\\"bad_request\\":" + status(() -> gfr.feed("{\\"user_id\\":\\"u1\\",\\"size\\":0}")));
    out.add("\\"busy\\":" + of(a[3], "", 5).events("[]"));
    out.add("\\"impatient\\":" + status(() -> of(a[3], "", 0).events("[]")));
    out.add("\\"nobody\\":" + status(() -> of(a[4], "", 1).status()));
    StringJoiner buckets = new StringJoiner(",", "[", "]");
    for (int i = 5; i < a.length; ++i) buckets.add(String.valueOf(GfrClient.bucket("a salt", a[i])));
    out.add("\\"buckets\\":" + buckets);
    System.out.println(out);
  }
}
"""


class Busy(http.server.ThreadingHTTPServer):
    """Answers 503 twice, 202 once, and so on."""

    def __init__(self):
        self.calls = 0
        super().__init__(("127.0.0.1", 0), BusyHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class BusyHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls += 1
        taken = self.server.calls % 3 == 0
        reply = json.dumps({"accepted": 7, "duplicates": 0, "rejected": []} if taken else {"detail": "busy"}).encode()
        self.send_response(202 if taken else 503)
        self.send_header("Content-Type", "application/json" if taken else "application/problem+json")
        self.send_header("Content-Length", str(len(reply)))
        if not taken:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Clients(unittest.TestCase):
    def check(self, drive):
        """`drive` gets the arguments and a folder, and gives what the program printed."""
        with Folder() as folder:
            run("init", folder / "p")
            toml = folder / "p/gfr.toml"
            toml.write_text(toml.read_text() + TOML + f'\n[serve.tokens]\nevents = "{TOKEN}"\nfeed = "{TOKEN}"\n')
            busy = Busy()
            with Server(folder / "p", *CLOCK) as server:
                admin = (folder / "p/data/tokens/admin").read_text().strip()
                got = drive([f"http://127.0.0.1:{server.port}", TOKEN, admin, busy.url, "http://127.0.0.1:1"], folder)
                self.assertEqual((got["events"]["accepted"], got["events"]["rejected"][0]["code"]), (1, "unknown_type"))
                self.assertEqual((got["refused"]["accepted"], len(got["refused"]["rejected"])), (0, 1))
                self.assertEqual((got["feed"]["request_id"], len(got["feed"]["items"])), ("r1", 2))
                self.assertIn(got["flag"]["variant"], ("a", "b"))
                self.assertEqual(got["status"]["state"], "ready")
                self.assertEqual(len(got["explained"]["served"]["candidates"]), 2)
                self.assertEqual((got["wrong_token"], got["bad_request"], got["nobody"]), (401, 400, 0))
                self.assertEqual((got["busy"]["accepted"], got["impatient"]), (7, 503))
                # Equal to the server's: where it says arm a, the bucket is of the first half.
                self.assertEqual(len(got["buckets"]), len(UNITS))
                for unit, bucket in zip(UNITS, got["buckets"]):
                    if not unit:
                        continue
                    self.assertEqual(self.evaluate(server, unit)["variant"], "a" if bucket < 0.5 else "b", (unit, bucket))
            busy.shutdown()
            busy.server_close()
            return got["buckets"]

    def evaluate(self, server, unit):
        status, _, reply = server.request("POST", "/ofrep/v1/evaluate/flags/half", json.dumps({"context": {"targetingKey": unit}}),
                                          {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"})
        self.assertEqual(status, 200, reply)
        return json.loads(reply)

    def test_python(self):
        from gfr.client import Client, ClientError, bucket

        def status(call):
            try:
                call()
                return 200
            except ClientError as error:
                return error.status

        def drive(arguments, _):
            url, token, admin, busy, nobody = arguments
            item = lambda id, type="item.view": event(id, type=type, time="2026-01-01T11:00:00Z")  # noqa: E731
            with Client(url, token) as gfr, Client(url, admin) as other:
                return {"events": gfr.events([item("e1"), item("e2", "no.such")]), "refused": gfr.events([item("e3", "no.such")]),
                        "feed": gfr.feed({"request_id": "r1", "user_id": "u1", "candidates": ["i1", "i2"]}), "flag": gfr.evaluate("half", "user-1"),
                        "status": gfr.status(), "explained": other.explain("r1"), "wrong_token": status(lambda: Client(url, "wrong").feed({"user_id": "u1"})),
                        "bad_request": status(lambda: gfr.feed({"user_id": "u1", "size": 0})), "busy": Client(busy).events([]),
                        "impatient": status(lambda: Client(busy, retries=0).events([])), "nobody": status(lambda: Client(nobody, retries=1).status()),
                        "buckets": [bucket("a salt", unit) for unit in UNITS]}

        self.check(drive)

    def test_javascript(self):
        node = shutil.which("node")
        if not node or int(subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip("v\n").split(".")[0]) < 18:
            self.skipTest("node 18 is not installed")

        def drive(arguments, folder):
            (folder / "drive.mjs").write_text(JAVASCRIPT.replace("CLIENT", str(SOURCE / "clients/javascript/gfr.mjs")))
            done = subprocess.run([node, folder / "drive.mjs", *arguments, json.dumps(UNITS)], capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        self.check(drive)

    def test_java(self):
        if not shutil.which("javac"):
            self.skipTest("no JDK is installed")

        def drive(arguments, folder):
            (folder / "java").mkdir()
            (folder / "java/Drive.java").write_text(JAVA)
            built = subprocess.run(["javac", "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-d", folder / "java", SOURCE / "clients/java/GfrClient.java", folder / "java/Drive.java"],
                                   capture_output=True, text=True, timeout=300)
            self.assertEqual(built.returncode, 0, built.stdout + built.stderr)
            done = subprocess.run(["java", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8", "-cp", folder / "java", "Drive", *arguments, *UNITS], capture_output=True, text=True,
                                  timeout=300, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin:" + str(pathlib.Path(shutil.which("java")).parent)})
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        self.check(drive)


if __name__ == "__main__":
    unittest.main()

"""A property means the same however it came: by CSV, Parquet, ndjson, HTTP and as a candidate's property, in rows to train on and in feeds."""
import datetime
import json
import math
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_process import Folder, Server, run, run_json

EARLY, NOW, LATER = "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z", "2026-03-04T12:00:00Z"
# Makes the impressions before it older than the objective's window.
LATE = {"id": "late", "source": "import", "type": "search", "time": "2026-01-03T00:00:00Z", "data": {"user_id": "late"}}
PROJECT = '''[item]
size = "category"
rating = "number"
embedding = "vector:2"
[user]
segment = "category"
income = "number"
[request]
device = "category"
temperature = "number"
[request_item]
shelf = "category"
relevance = "number"
[[objective]]
name = "pctr"
population = "feed.impression"
label = "feed.click"
window = "30m"
[[feed]]
name = "home"
value = "1"
''' + "".join(f'[[feature]]\nname = "{name}"\ntype = "{kind}"\nproperty = "{prop}"\n{more}' for name, kind, prop, more in (
    ("size", "property", "size", ""), ("rating", "property", "rating", ""), ("segment", "context", "segment", ""), ("income", "context", "income", ""),
    ("device", "request", "device", ""), ("temperature", "request", "temperature", ""), ("shelf", "request", "shelf", ""), ("relevance", "request", "relevance", ""),
    ("closeness", "similarity", "embedding", 'read = "max_last"\nscope = "user"\nevents = ["item.view"]\ncapacity = 2\n')))
COLUMNS = ("size", "rating", "segment", "income", "device", "temperature", "shelf", "relevance", "closeness")

# Texts of a table; JSON has the numbers among them as numbers too.
SIZES = ["038", "38", "38.5", "1e3", "1000", "2111222333444555724", "Infinity", "nan", "true", "XL"]
NUMBERS = ["0.1", "38", "-2.5", "1e3", "16777217", "0", "3.4e37", "5", "6", "7"]
# JSON values that mean the same as a text of a table, where there are.
AS_JSON = {"38": 38.0, "38.5": 38.5, "1000": 1e3, "2111222333444555724": 2111222333444555724, "true": True}


def rows():
    for i, (size, number) in enumerate(zip(SIZES, NUMBERS)):
        yield {"ts": f"2026-01-01 10:{i:02}:00", "customer": f"u{i}", "rq": f"r{i}", "product": f"i{i}", "size": size, "rating": number, "emb": f"{i}.1|-0.5", "segment": size,
               "income": number, "device": size, "temperature": number, "shelf": size, "relevance": number}


MAP = '''[columns]
time = "ts"
user_id = "customer"
request_id = "rq"
item_id = "product"
[types]
"*" = ["item.update", "user.update", "feed.request", "feed.impression"]
[context]
segment = "segment"
income = "income"
device = "device"
temperature = "temperature"
[properties]
size = "size"
rating = "rating"
shelf = "shelf"
relevance = "relevance"
[vectors]
embedding = "emb"
'''


def embedding(row):
    return [float(x) for x in row["emb"].split("|")]


def anchor(update_time, view_time):
    """An item with a vector, and views of it by everybody: what the vectors of items are close to."""
    item = {"item_id": "anchor", "properties": {"embedding": [0.3, 1.7]}}
    yield {"id": "anchor", "source": "import", "type": "item.update", "time": update_time, "data": {"items": [item]}}
    for row in rows():
        yield {"id": f"saw/{row['customer']}", "source": "import", "type": "item.view", "time": view_time, "data": {"user_id": row["customer"], "items": [{"item_id": "anchor"}]}}


def properties(row, names, as_json):
    def value(name):
        text = row[name]
        if name in ("rating", "income", "temperature", "relevance"):
            return float(text)
        return AS_JSON.get(text, text) if as_json else text
    return {name: value(name) for name in names}


def events(row, as_json):
    time = row["ts"].replace(" ", "T") + "Z"
    item = {"item_id": row["product"], "index": 0, "properties": {**properties(row, ("size", "rating", "shelf", "relevance"), as_json), "embedding": embedding(row)}}
    context = properties(row, ("segment", "income", "device", "temperature"), as_json)
    for kind in ("item.update", "user.update", "feed.request", "feed.impression"):
        data = {"user_id": row["customer"], "request_id": row["rq"], "items": [item], "context": context}
        yield {"id": f"{row['rq']}/{kind}", "source": "import", "type": kind, "time": time, "data": data}


def bits(x):
    return "nan" if x is None or math.isnan(x) else x.hex()


class PropertyWaysTest(unittest.TestCase):
    def project(self, folder, name):
        run("init", folder / name, "--template", "shop")
        (folder / name / "gfr.toml").write_text(PROJECT)
        return folder / name

    def trained(self, folder, project, each=1):
        """The rows to train on, in log order."""
        run("dataset", "--out", folder / f"rows-{project.name}", "--project", project)
        table = pq.read_table(folder / f"rows-{project.name}/pctr.parquet").to_pylist()
        self.assertEqual(len(table), each * len(SIZES))
        table.sort(key=lambda r: r["arrival_ms"])
        return [{name: bits(row[name]) for name in COLUMNS} for row in table]

    def test_five_ways_give_the_same_values(self):
        with Folder() as folder:
            (folder / "map.toml").write_text(MAP)
            before = list(anchor("2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z"))
            (folder / "late.ndjson").write_text("\n".join(json.dumps(e) for e in [LATE, *before]))
            names = list(next(rows()))
            (folder / "t.csv").write_text(",".join(names) + "\n" + "".join(",".join(r[n] for n in names) + "\n" for r in rows()))
            table = {n: [r[n] for r in rows()] for n in names}
            numbers = ("rating", "income", "temperature", "relevance")
            arrays = {n: pa.array([float(x) for x in table[n]]) if n in numbers else
                      pa.array([datetime.datetime.fromisoformat(x) for x in table[n]], pa.timestamp("us")) if n == "ts" else
                      pa.array([[float(y) for y in x.split("|")] for x in table[n]], pa.list_(pa.float32())) if n == "emb" else
                      pa.array(table[n]).dictionary_encode() if n in ("size", "shelf") else pa.array(table[n]) for n in names}
            pq.write_table(pa.table(arrays), folder / "t.parquet")
            by_way = {}
            for kind in ("csv", "parquet"):
                project = self.project(folder, kind)
                run("import", kind, folder / f"t.{kind}", folder / "late.ndjson", "--map", folder / "map.toml", "--project", project)
                by_way[kind] = self.trained(folder, project)
            for name, as_json in (("ndjson", True), ("ndjson_texts", False)):
                project = self.project(folder, name)
                (folder / f"{name}.ndjson").write_text("\n".join(json.dumps(e) for r in rows() for e in events(r, as_json)))
                run("import", "ndjson", folder / f"{name}.ndjson", folder / "late.ndjson", "--project", project)
                by_way[name] = self.trained(folder, project)
            served = self.served(self.project(folder, "http"))
            for way, values in by_way.items():
                self.assertEqual(values, by_way["csv"], way)
            self.assertEqual(len({v["size"] for v in by_way["csv"]}), len(SIZES), "every text is a category of its own")
            self.assertEqual(len({v["closeness"] for v in by_way["csv"]}), len(SIZES), "every vector is read")
            self.assertEqual(float.fromhex(by_way["csv"][0]["rating"]), 0.10000000149011612, "0.1 of 32 bits")
            for name, values in served.items():
                for got, expected in zip(values, by_way["csv"]):
                    self.assertEqual(got, {k: expected[k] for k in got}, name)
            self.assertEqual(self.trained(folder, folder / "http", each=2), [v for v in by_way["csv"] for _ in range(2)], "rows of the served log")

    def served(self, project):
        """What feeds of a live server read: of items by POST /v1/events, and of candidates by their properties."""
        got = {"events": [], "candidates": []}
        update, *views = anchor(EARLY, NOW)
        with Server(project, "--clock", f"fixed:{EARLY}") as server:
            self.assertEqual(server.post("/v1/events", [update])[1]["accepted"], 1)
            for row in rows():
                updates = [e for e in events(row, True) if e["type"].endswith("update")]
                self.assertEqual(server.post("/v1/events", updates)[1]["accepted"], 2)
        with Server(project, "--clock", f"fixed:{NOW}") as server:
            self.assertEqual(server.post("/v1/events", views)[1]["accepted"], len(views))
            for i, row in enumerate(rows()):
                context = properties(row, ("segment", "income", "device", "temperature"), True)
                shelf = properties(row, ("shelf", "relevance"), True)
                for way, candidate in (("events", {"item_id": row["product"], "properties": shelf}),
                                       ("candidates", {"item_id": f"new{i}", "properties": {**shelf, **properties(row, ("size", "rating"), True), "embedding": embedding(row)}})):
                    status, feed = server.post("/v1/feed?explain=true", {"request_id": f"{way}{i}", "user_id": row["customer"], "surface": "home", "context": context, "candidates": [candidate]})
                    self.assertEqual(status, 200, feed)
                    got[way].append({k: bits(v) for k, v in feed["items"][0]["features"].items()})
                    seen = {"id": f"{way}{i}", "source": "app", "type": "feed.impression", "time": NOW,
                            "data": {"user_id": row["customer"], "request_id": f"{way}{i}", "items": [{"item_id": candidate["item_id"], "index": 0}]}}
                    self.assertEqual(server.post("/v1/events", seen)[1]["accepted"], 1)
        with Server(project, "--clock", f"fixed:{LATER}") as server:
            self.assertEqual(server.post("/v1/events", LATE)[0], 202)
        return got


if __name__ == "__main__":
    unittest.main()

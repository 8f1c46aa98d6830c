"""gfr import: shapes of files that people have, each as a small invented one, with what must become of it."""
import datetime
import json
import pathlib
import unittest

import pyarrow as pa
import pyarrow.parquet as pq

from gfr_process import SOURCE, Folder, run, run_json

SHOP = '''[columns]
type = "action"
time = "ts"
user_id = "customer"
session_id = "visit"
item_id = "product"
price = "price"
[types]
view = "item.view"
order = "purchase"
[properties]
brand = "brand"
'''
HEADER = "ts,action,customer,visit,product,price,brand\n"
ROW = "2026-01-01 10:00:00,view,u,s,i,5,b\n"
UTC = datetime.timezone.utc


def imported(folder, files, map_text=SHOP, kind="csv", expect=0, options=()):
    """Imports files (name: bytes, text or table) into a new project; gives the report, the events and stderr."""
    project = folder / f"p{len(list(folder.iterdir()))}"
    run("init", project, "--template", "shop")
    (folder / "map.toml").write_text(map_text)
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        paths.append(path)
    given = ["--map", folder / "map.toml"] if kind in ("csv", "parquet") else []
    out, err = run("import", kind, *paths, *given, "--project", project, "--json", *options, expect=expect)
    return json.loads(out) if out.strip() else {}, dump(project), err


def dump(project):
    return [json.loads(line) for line in run("log", "dump", "--project", project)[0].splitlines()]


# What is wrong or odd in a file: its bytes, what the map says of it first, how many events, and words of the report.
CASES = {
    "a quote that is not closed": (HEADER + ROW + ROW.replace(",b", ',"b') + ROW * 3, "", 4, "column 'brand' opens a quote that is not closed"),
    "a delimiter of its own": ((HEADER + ROW).replace(",", ";"), "", 1, ""),
    "tabs": ((HEADER + ROW).replace(",", "\t"), "", 1, ""),
    "times with UTC": (HEADER + ROW.replace("10:00:00", "10:00:00 UTC"), "", 1, ""),
    "times with +0000": (HEADER + ROW.replace(" 10:00:00", "T10:00:00+0000"), "", 1, ""),
    "times without seconds": (HEADER + ROW.replace("10:00:00", "10:00"), "", 1, ""),
    "times of a form that nobody declared": (HEADER + ROW.replace("2026-01-01 10:00:00", "1/2/2026 10:00"), "", 0, 'time_format = "%d/%m/%Y %H:%M"'),
    "times of a declared form": (HEADER + ROW.replace("2026-01-01 10:00:00", "1/2/2026 10:00"), 'time_format = "%d/%m/%Y %H:%M"\n', 1, ""),
    "seconds read as ms": (HEADER + ROW.replace("2026-01-01 10:00:00", "1767261600"), 'time_format = "ms"\n', 0, 'as seconds it is 2026-01-01T10:00:00Z: time_format = "s"'),
    "ns": (HEADER + ROW.replace("2026-01-01 10:00:00", "1767261600000000000"), 'time_format = "ns"\n', 1, ""),
    "a row of the year 9999": (HEADER + ROW + ROW.replace("2026", "9999"), "", 1, "is in the future"),
    "Latin-2 as UTF-8": ((HEADER + ROW.replace(",b", ",Škoda")).encode("iso-8859-2") + ROW.encode(), "", 1, "is not UTF-8"),
    "Latin-2": ((HEADER + ROW.replace(",b", ",Škoda")).encode("iso-8859-2"), 'encoding = "iso-8859-2"\n', 1, ""),
    "UTF-16": ((HEADER + ROW).encode("utf-16"), "", 1, ""),
    "a byte order mark before a quoted header": ("\ufeff" + HEADER.replace("ts", '"ts"', 1) + ROW, "", 1, ""),
    "lines that end with CR": ((HEADER + ROW).replace("\n", "\r"), "", 1, ""),
    "blanks behind each comma": ((HEADER + ROW).replace(",", ", "), "", 1, ""),
    "a column that is there twice": (HEADER.replace("\n", ",price\n") + ROW.replace("\n", ",7\n"), "", None, "column 'price' is there twice"),
    "a column that is not there": (HEADER.replace("product", "sku") + ROW, "", None, "there are 'ts', 'action', 'customer', 'visit', 'sku'"),
    "quotes escaped by backslashes": (HEADER + ROW.replace(",b", ',"a \\"b\\""'), 'escape = "\\\\"\n', 1, ""),
    "a price with a currency": (HEADER + ROW.replace(",5,", ",$5.50,"), "", 0, "column 'price' is '$5.50'; valid is a number"),
    "a decimal comma": (HEADER + ROW.replace(",5,", ',"5,50",'), 'decimal = ","\n', 1, ""),
    "a price of 1e39": (HEADER + ROW.replace(",5,", ",1e39,") + ROW, "", 1, "price of item 'i' is 1e+39"),
    "a user called NULL": (HEADER + ROW.replace(",u,", ",NULL,"), "", 1, "looks missing"),
    "what came back": (HEADER + ROW.replace("view", "order").replace(",5,", ",-5,"), "", 1, "is read as a purchase.return"),
    "an id of 200 KB": (HEADER + ROW.replace(",i,", "," + "x" * 200_000 + ",") + ROW, "", 1, "item_id has 200000 bytes; valid are at most 1024"),
    "all rows of types nobody names": (HEADER + ROW.replace("view", "hover"), "", 0, "none of 1 rows became an event"),
    "an empty file": ("", "", None, "the file is empty"),
}


class CsvTest(unittest.TestCase):
    def test_each_shape_is_read_or_refused_with_the_right_word(self):
        for name, (content, prefix, events, words) in CASES.items():
            with self.subTest(name), Folder() as folder:
                expect = 2 if events is None else 1 if events == 0 else 0
                report, log, err = imported(folder, {"log.csv": content}, prefix + SHOP, expect=expect)
                self.assertEqual(len(log), events or 0, err)
                self.assertEqual(report.get("events", 0), events or 0)
                self.assertIn(words, err)

    def test_files_of_one_name_lose_no_row_and_the_same_file_again_is_told(self):
        with Folder() as folder:
            files = {f"hour={h}/part-0.csv": HEADER + "".join(ROW.replace("10:00:00", f"{h:02}:{m:02}:00") for m in range(30)) + ROW.replace("10:00:00", f"{h:02}:00:00")
                     for h in range(4)}
            report, log, _ = imported(folder, files)
            self.assertEqual((report["events"], report["duplicates"], len(log)), (124, 0, 124))
            project = next(p for p in folder.iterdir() if p.name.startswith("p") and (p / "gfr.toml").exists())
            again = run_json("import", "csv", *[folder / name for name in files], "--map", folder / "map.toml", "--project", project, "--rebuild")
            self.assertEqual((again["duplicates"], len(dump(project))), (124, 124))
            # The same name and folder another day.
            (folder / "hour=0/part-0.csv").write_text(HEADER + ROW.replace("2026-01-01", "2026-01-02") * 2)
            more = run_json("import", "csv", folder / "hour=0/part-0.csv", "--map", folder / "map.toml", "--project", project)
            self.assertEqual((more["duplicates"], len(dump(project))), (0, 126))
            run("init", folder / "twice", "--template", "shop")
            (folder / "copy.csv").write_text((folder / "hour=1/part-0.csv").read_text())
            twice = run_json("import", "csv", folder / "hour=1/part-0.csv", folder / "copy.csv", "--map", folder / "map.toml", "--project", folder / "twice")
            self.assertEqual(twice["events"], 31)
            self.assertIn("has the bytes of", twice["skipped_files"][0])

    def test_clicks_find_their_slates_over_all_files_and_whatever_stands_first(self):
        slates = '[columns]\ntype = "a"\ntime = "ts"\nuser_id = "u"\nrequest_id = "rq"\nitems = "shown"\nitem_id = "p"\n[types]\nlisting = ["feed.request", "feed.impression"]\nclick = "feed.click"\n'
        header = "ts,a,u,rq,shown,p\n"
        for early in ("01.400", "01.500", "01"):
            with self.subTest(early), Folder() as folder:
                whole = early == "01"
                clicks = "".join(f"2026-01-01 10:{m:02}:{early},click,u{m},r{m},,b\n" for m in range(20))
                shown = "".join(f"2026-01-01 10:{m:02}:{'01' if whole else '01.500'},listing,u{m},r{m},a|b|c,\n" for m in range(20))
                report, log, _ = imported(folder, {"clicks.csv": header + clicks, "impressions.csv": header + shown}, slates)
                self.assertEqual((report["clicks"], report["clicks_in_slate"]), (20, 20))
                self.assertEqual([e["type"] for e in log], ["feed.request", "feed.impression", "feed.click"] * 20)
                if early == "01.400":
                    self.assertTrue(all(e["time"].endswith(":01.400Z") for e in log if e["type"] == "feed.click"), "event times stay")

    def test_several_files_each_with_its_map_come_by_one_command(self):
        with Folder() as folder:
            run("init", folder / "p", "--template", "shop")
            (folder / "items.csv").write_text("at,sku,cat\n2026-01-01,i,038\n2026-01-01,j,1e3\n")
            (folder / "items.toml").write_text('[columns]\ntime = "at"\nitem_id = "sku"\n[types]\n"*" = "item.update"\n[properties]\ncategory = "cat"\n')
            pq.write_table(pa.table({"ts": [datetime.datetime(2026, 1, 1, 10, tzinfo=UTC)], "action": ["view"], "customer": ["u"], "visit": ["s"], "product": ["i"], "price": [5.0],
                                     "brand": ["b"]}), folder / "events.parquet")
            (folder / "events.toml").write_text(SHOP)
            (folder / "more.ndjson").write_text(json.dumps({"id": "1", "source": "s", "type": "item.view", "time": "2026-01-01T11:00:00Z", "data": {"user_id": "u", "items": [{"item_id": "j"}]}}))
            report = run_json("import", "csv", f"{folder}/events.parquet:{folder}/events.toml", f"{folder}/items.csv:{folder}/items.toml", folder / "more.ndjson", "--project", folder / "p")
            self.assertEqual(report["events_by_type"], {"item.update": 2, "item.view": 2})
            self.assertEqual([e["data"]["items"][0]["properties"]["category"] for e in dump(folder / "p")[:2]], ["038", "1e3"])


    def test_sorting_on_disk_gives_the_same_log(self):
        rows = [ROW.replace("10:00:00", f"{(i * 7) % 24:02}:{(i * 13) % 60:02}:{(i * 31) % 60:02}").replace(",i,", f",i{i % 50},") for i in range(6000)]
        rows[17:17] = rows[5:8]  # Equal rows.
        logs = []
        for memory in ("512MiB", "64KiB"):
            with Folder() as folder:
                logs.append(imported(folder, {"a.csv": HEADER + "".join(rows[:3000]), "b.csv": HEADER + "".join(rows[3000:])}, options=("--memory", memory))[1])
        self.assertEqual(len(logs[0]), 6003)
        self.assertEqual(logs[0], logs[1])
        self.assertEqual([e["time"] for e in logs[0]], sorted(e["time"] for e in logs[0]))


class ParquetTest(unittest.TestCase):
    def table(self, **columns):
        base = {"ts": pa.array([datetime.datetime(2026, 1, 1, 10, tzinfo=UTC)], pa.timestamp("us", "UTC")), "action": ["view"], "customer": ["u"], "visit": ["s"],
                "product": ["i"], "price": [5.0], "brand": ["b"]}
        return pa.table({**base, **columns})

    def test_columns_of_every_plain_type_are_read(self):
        whole = 9007199254740993
        for column, value, find, expected in (
                ("product", pa.array([whole]), lambda e: e["data"]["items"][0]["item_id"], str(whole)),
                ("product", pa.array([1e16]), lambda e: e["data"]["items"][0]["item_id"], "10000000000000000"),
                ("product", pa.array(["i"]).dictionary_encode(), lambda e: e["data"]["items"][0]["item_id"], "i"),
                ("product", pa.array([b"i"]), lambda e: e["data"]["items"][0]["item_id"], "i"),
                ("product", pa.array([38.0]), lambda e: e["data"]["items"][0]["item_id"], "38"),
                ("brand", pa.array([38.0]), lambda e: e["data"]["items"][0]["properties"]["brand"], "38"),
                ("brand", pa.array([True]), lambda e: e["data"]["items"][0]["properties"]["brand"], "true"),
                ("price", pa.array([0.1], pa.float32()), lambda e: e["data"]["items"][0]["price"], 0.1),
                ("ts", pa.array([datetime.date(2026, 1, 1)]), lambda e: e["time"], "2026-01-01T00:00:00Z"),
                ("ts", pa.array([datetime.datetime(2026, 1, 1, 9)], pa.timestamp("ns")), lambda e: e["time"], "2026-01-01T09:00:00Z")):
            with self.subTest(column=column, value=value.type), Folder() as folder:
                _, log, err = imported(folder, {"t.parquet": self.table(**{column: value})}, kind="parquet")
                self.assertEqual(find(log[0]), expected, err)

    def test_lists_of_structs_are_read_by_path_and_every_other_nesting_is_refused_by_column(self):
        items = pa.array([[{"item_id": "a", "price": 5.0, "quantity": 2}, {"item_id": "b", "price": 6.0, "quantity": 1}]])
        paths = SHOP.replace('"product"', '"items.item_id"').replace('price = "price"', 'price = "items.price"\nquantity = "items.quantity"').replace("item.view", "purchase")
        with Folder() as folder:
            _, log, _ = imported(folder, {"t.parquet": self.table(items=items)}, paths, kind="parquet")
            self.assertEqual([(i["item_id"], i["price"], i.get("quantity", 1)) for i in log[0]["data"]["items"]], [("a", 5, 2), ("b", 6, 1)])
            for value, words in ((items, "as 'product.item_id'"), (pa.array([{"id": "a"}]), "as 'product.id'"), (pa.array([[["a"]]]), "column 'product' is list"),
                                 (pa.array([[("k", "a")]], pa.map_(pa.string(), pa.string())), "as 'product[KEY]'"),
                                 (pa.array([datetime.timedelta(1)]), "column 'product' is duration")):
                with self.subTest(value=value.type):
                    _, log, err = imported(folder, {"n.parquet": self.table(product=value)}, kind="parquet", expect=2)
                    self.assertEqual(log, [])
                    self.assertIn("column 'product' is", err)
                    self.assertIn(words, err)

    def test_vectors_of_a_fixed_size_and_null_entries_of_lists(self):
        with Folder() as folder:
            vectors = SHOP.replace("item.view", "item.update") + '[vectors]\nembedding = "emb"\n'
            emb = pa.FixedSizeListArray.from_arrays(pa.array([0.5, -1.0, 2.0], pa.float32()), 3)
            _, log, _ = imported(folder, {"v.parquet": self.table(emb=emb)}, vectors, kind="parquet")
            self.assertEqual(log[0]["data"]["items"][0]["properties"]["embedding"], [0.5, -1, 2])
            lists = SHOP.replace("item_id", "items").replace("item.view", "feed.impression").replace("[properties]\nbrand = \"brand\"\n", "")
            report, log, _ = imported(folder, {"l.parquet": self.table(product=pa.array([["i1", None, "i3"]]))}, lists, kind="parquet")
            self.assertEqual([(i["item_id"], i["index"]) for i in log[0]["data"]["items"]], [("i1", 0), ("i3", 2)])
            self.assertIn("places without one", report["warnings"][0]["warning"])


class NdjsonTest(unittest.TestCase):
    def test_mixed_currencies_are_refused_or_converted(self):
        lines = [json.dumps({"id": f"k{i}", "source": "app", "type": "purchase", "time": "2026-01-05T10:00:00Z",
                             "data": {"user_id": "u", "currency": currency, "items": [{"item_id": "i", "price": price}]}}) for i, (currency, price) in enumerate([("EUR", 10), ("JPY", 1600)])]
        with Folder() as folder:
            report, log, err = imported(folder, {"e.ndjson": "\n".join(lines)}, kind="ndjson")
            self.assertEqual((report["events"], report["rejected"]), (1, 1))
            self.assertIn("currency 'JPY' is not the 'EUR' of events before", err)
            run("init", folder / "q", "--template", "shop")
            with open(folder / "q/gfr.toml", "a") as toml:
                toml.write('\n[money]\ncurrency = "EUR"\n[money.rates]\nJPY = 0.00625\n')
            run("import", "ndjson", folder / "e.ndjson", "--project", folder / "q")
            self.assertEqual([(e["data"]["currency"], e["data"]["items"][0]["price"]) for e in dump(folder / "q")], [("EUR", 10), ("EUR", 10)])


# share/maps: a few invented rows of each shape, and the events they are.
def ga4():
    param = lambda key, **value: {"key": key, "value": {"string_value": None, "int_value": None, **value}}
    item = lambda id, price: {"item_id": id, "price": price, "quantity": 1, "item_category": "mugs", "item_brand": "acme"}
    rows = []
    for name, items in (("view_item_list", [item("a", 5.0), item("b", 6.0)]), ("select_item", [item("b", 6.0)]), ("purchase", [item("b", 6.0)])):
        rows.append({"event_name": name, "event_timestamp": 1767261600000000 + len(rows) * 1000000, "user_id": None, "user_pseudo_id": "100.1",
                     "event_params": [param("ga_session_id", int_value=77), param("item_list_view_id", string_value="v1"), param("item_list_id", string_value="home"), param("currency", string_value="EUR")],
                     "ecommerce": {"transaction_id": "t1" if name == "purchase" else None, "purchase_revenue": 6.0 if name == "purchase" else None},
                     "device": {"category": "mobile"}, "geo": {"country": "DE"}, "items": items})
    return pa.Table.from_pylist(rows)


MAPS = {
    "ga4_bigquery": ("parquet", ga4(), {"feed.request": 1, "feed.impression": 1, "feed.click": 1, "purchase": 1}),
    "segment_product_viewed": ("csv", "id,original_timestamp,user_id,anonymous_id,product_id,price,quantity,currency,context_device_type,category,brand\n"
                               "e1,2026-01-01T10:00:00.000Z,,anon,p,5,1,EUR,ios,mugs,acme\ne2,2026-01-01T10:01:00.000Z,u,anon,p,5,1,EUR,ios,mugs,acme\n", {"item.view": 2, "user.alias": 1}),
    "segment_product_added": ("csv", "id,original_timestamp,user_id,anonymous_id,product_id,price,quantity,currency\ne1,2026-01-01T10:00:00.000Z,u,,p,5,1,EUR\n", {"cart.add": 1}),
    "segment_order_completed": ("csv", "order_id,original_timestamp,user_id,anonymous_id,product_id,price,quantity,currency\no1,2026-01-01T10:00:00.000Z,u,,p,5,1,EUR\n"
                                "o1,2026-01-01T10:00:00.000Z,u,,q,7,2,EUR\n", {"purchase": 1}),
    "snowplow": ("csv", "event_id,ecommerce_action_type,derived_tstamp,user_id,domain_userid,domain_sessionid,page_view_id,product_id,product_price,product_quantity,product_position,product_currency,"
                 "transaction_id,dvce_type,geo_country,product_category,product_brand\n"
                 "e1,product_view,2026-01-01 10:00:00.000,,d1,s1,v1,p,5,,,EUR,,Mobile,DE,mugs,acme\ne2,transaction,2026-01-01 10:01:00.000,u,d1,s1,v2,p,5,1,,EUR,t1,Mobile,DE,mugs,acme\n",
                 {"item.view": 1, "purchase": 1, "user.alias": 1}),
    "retailrocket_events": ("csv", "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n1433221332118,257597,transaction,355908,17\n", {"item.view": 1, "purchase": 1}),
    "retailrocket_items": ("csv", "timestamp,itemid,property,value\n1435460400000,460429,categoryid,1338\n1435460400000,460429,790,n6120.000\n1435460400000,460429,888,1116713 960601\n", {"item.update": 2}),
    "rees46": ("csv", "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
               "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n"
               "2019-10-01 00:00:05 UTC,purchase,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n", {"item.update": 1, "item.view": 1, "purchase": 1}),
    "yoochoose_clicks": ("csv", "1,2014-04-07T10:51:09.277Z,214536502,0\n", {"item.view": 1}),
    "yoochoose_buys": ("csv", "420374,2014-04-06T18:44:58.314Z,214537888,12462,1\n420374,2014-04-06T18:44:58.325Z,214537850,0,0\n", {"purchase": 1}),
    "diginetica_views": ("csv", "sessionId;userId;itemId;timeframe;eventdate\n1;NA;81766;526309;2016-05-09\n", {"item.view": 1}),
    "diginetica_purchases": ("csv", "sessionId;userId;timeframe;eventdate;ordernumber;itemId\n150;18278;17100868;2016-05-06;16421;25911\n", {"purchase": 1}),
    "diginetica_items": ("csv", "itemId;categoryId\n139578;1096\n", {"item.update": 1}),
    "movielens_movies": ("csv", "movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n", {"item.update": 1}),
    "movielens": ("csv", "userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n1,306,3.5,1147868817\n", {"item.view": 2, "wishlist.add": 1}),
    "tmall": ("csv", "user_id,item_id,cat_id,seller_id,brand_id,time_stamp,action_type\n328862,323294,833,2882,2661,0829,0\n328862,323294,833,2882,2661,0829,2\n",
              {"item.update": 1, "item.view": 1, "purchase": 1}),
    "online_retail": ("csv", "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
                      "536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom\nC536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom\n"
                      "536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom\n", {"item.update": 2, "purchase": 1, "purchase.return": 1}),
}


class MapsTest(unittest.TestCase):
    def test_every_map_reads_rows_of_its_shape(self):
        self.assertEqual({path.stem for path in (SOURCE / "share/maps").glob("*.toml")}, set(MAPS))
        for name, (kind, content, expected) in MAPS.items():
            with self.subTest(name), Folder() as folder:
                report, _, err = imported(folder, {f"t.{kind}": content}, (SOURCE / f"share/maps/{name}.toml").read_text(), kind=kind)
                self.assertEqual((report["events_by_type"], report["rejected"]), (expected, 0), err)
                if name == "ga4_bigquery":
                    self.assertEqual((report["clicks"], report["clicks_in_slate"]), (1, 1))
                    self.assertNotIn("items", report["unmapped_columns"])  # Its parts are in the map.

    def test_a_proposed_map_reads_the_file_it_is_for(self):
        with Folder() as folder:
            for name, events in (("rees46", 3), ("tmall", None), ("retailrocket_events", 2), ("online_retail", 2), ("segment_product_viewed", 3), ("ga4_bigquery", 4)):
                with self.subTest(name):
                    kind, content, _ = MAPS[name]
                    path = folder / f"{name}.{kind}"
                    if isinstance(content, pa.Table):
                        pq.write_table(content, path)
                    else:
                        path.write_text(content)
                    written = folder / f"{name}.toml"
                    text = run("import", "guess", path, "--map", written)[0]
                    self.assertEqual(written.read_text(), text)
                    self.assertIn("is there already", run("import", "guess", path, "--map", written, expect=1)[1])
                    if events:
                        run("init", folder / name, "--template", "shop")
                        self.assertGreaterEqual(run_json("import", kind, path, "--map", written, "--project", folder / name)["events"], events - 1, text)

    def test_of_json_no_map_is_proposed(self):
        with Folder() as folder:
            (folder / "events.jsonl").write_text('{"x": 1}\n')
            self.assertIn("holds JSON", run("import", "guess", folder / "events.jsonl", "--map", folder / "m.toml", expect=2)[1])
            self.assertFalse((folder / "m.toml").exists())

    def test_a_dry_run_says_what_is_missing_and_what_the_doctor_would_say(self):
        with Folder() as folder:
            report, log, _ = imported(folder, {"t.csv": HEADER + ROW}, options=("--dry-run",))
            self.assertEqual((report["events_by_type"], log), ({"item.view": 1}, []))
            self.assertEqual(report["missing"], ["pctr cannot be trained from these files: there is no feed.impression and feed.click",
                                                 "pcvr cannot be trained from these files: there is no feed.click and purchase"])
            self.assertIn("item.no_catalogue", [f["check"] for f in report["doctor"]])


if __name__ == "__main__":
    unittest.main()

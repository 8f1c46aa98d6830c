#include "event/map_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "event/csv.h"
#include "event/event_json.h"
#include "event/property_value.h"

namespace gfr {
namespace {

struct Imported {
  std::vector<Event> events;
  ImportReport report;
  std::string failed;
};

Imported Import(const std::string& map_text, const std::string& csv, const ImportSettings& settings = {}) {
  const TestFolder folder;
  std::ofstream(folder / "t.csv") << csv;
  Imported out;
  const auto map = ImportMap::Parse(map_text, "map.toml");
  EXPECT_TRUE(map.ok()) << map.error().ToString();
  if (!map.ok()) return out;
  auto rows = OpenCsv(folder / "t.csv", map.value().csv);
  EXPECT_TRUE(rows.ok()) << rows.error().ToString();
  const auto sink = [&](Event&& e) -> Status {
    out.events.push_back(std::move(e));
    return {};
  };
  const Status done = ImportRows(*rows.value(), "t.csv", map.value(), settings, sink, &out.report);
  if (!done.ok()) out.failed = done.error().ToString();
  return out;
}

std::vector<std::string> Warnings(const Imported& imported) {
  std::vector<std::string> all;
  for (const auto& [what, warning] : imported.report.warnings) all.push_back(what);
  return all;
}

const std::string kShop =
    "[columns]\ntype = \"action\"\ntime = \"ts\"\nuser_id = \"customer\"\nsession_id = \"visit\"\nitem_id = "
    "\"product\"\nprice = \"price\"\n[types]\nview = \"item.view\"\norder = \"purchase\"\n[properties]\nbrand = "
    "\"brand\"\n";
const std::string kHeader = "ts,action,customer,visit,product,price,brand\n";
constexpr std::string_view kTime = "2026-01-01 10:00:00";

TEST(MapRows, EachRowThatIsTakenSaysTheLoginOnItsDevice) {
  const Imported imported = Import(
      "[columns]\ntime = \"ts\"\nuser_id = \"login\"\nanonymous_id = \"cookie\"\nitem_id = \"sku\"\n[types]\n\"*\" = "
      "\"item.view\"\n",
      "ts,login,cookie,sku\n2026-01-01 10:00:00,ann,c,\n2026-01-01 10:00:01,ann,c,i\n2026-01-01 10:00:02,ann,c,i\n"
      "2026-01-01 10:00:03,bob,c,i\n2026-01-01 10:00:04,ann,c,i\n");
  EXPECT_EQ(imported.report.rejected, 1u);
  std::vector<std::string> aliases;
  for (const Event& e : imported.events) {
    if (e.type == EventType::kUserAlias) aliases.push_back(e.id);
  }
  EXPECT_THAT(aliases, testing::ElementsAre("alias/c/ann/1767261601000", "alias/c/ann/1767261602000",
                                            "alias/c/bob/1767261603000", "alias/c/ann/1767261604000"));
}

TEST(MapRows, ADecimalCommaIsOneInEveryNumber) {
  const std::string map = R"(
decimal = ","
[columns]
type = "action"
time = "ts"
user_id = "customer"
item_id = "product"
[vectors]
look = "look"
[types]
view = "item.view"
[[type]]
column = "price"
below = -0.5
is = []
)";
  const Imported rules = Import(map, R"(ts,action,customer,product,price,look
2026-01-01 10:00:00,view,u,a,"-1,5",
2026-01-01 10:00:01,view,u,b,"1,5","0,5|0,25"
)");
  EXPECT_EQ(rules.failed, "");
  ASSERT_EQ(rules.events.size(), 1u);
  EXPECT_EQ(rules.events[0].items[0].item_id, "b");
  ASSERT_EQ(rules.events[0].items[0].properties.size(), 1u);
  EXPECT_EQ(rules.events[0].items[0].properties[0].vector, (std::vector<float>{0.5f, 0.25f}));
}

TEST(MapRows, MakesOneSlateOfRowsOfOneItemEachInAnyOrder) {
  const std::string map = R"(
source = "wh"
time_zone = "+01:00"
slate = "rows"
[columns]
id = "event"
type = "what"
time = "at"
user_id = "who"
request_id = "req"
item_id = "sku"
index = "pos"
price = "eur"
[types]
seen = ["feed.request", "feed.impression"]
click = "feed.click"
[context]
geography = "city"
)";
  const Imported in = Import(map,
                             "event,what,at,who,req,sku,pos,eur,city,extra\n"
                             "e1,seen,2026-01-01 01:00:00,u,r1,a,0,1.5,\"Ber\nlin\",\n"
                             "f1,seen,2026-01-01 01:00:01,v,r2,x,0,1.5,Rom,\n"
                             "e2,click,2026-01-01 01:00:05,u,r1,b,1,2.5,Berlin,\n"
                             "e1,seen,2026-01-01 01:00:00,u,r1,b,1,2.5,\"Ber\nlin\",\n"
                             "e3,hover,2026-01-01 01:00:06,u,r1,b,1,2.5,Berlin,\n"
                             "f1,seen,2026-01-01 01:00:01,v,r2,y,1,1.5,Rom,\n"
                             "e4,click,soon,u,r1,b,1,2.5,Berlin,\n");
  ASSERT_EQ(in.events.size(), 5u) << in.failed;
  for (const std::string id : {"e1/feed.impression", "e1/feed.request", "f1/feed.impression"}) {
    const auto slate = std::ranges::find(in.events, id, &Event::id);
    ASSERT_NE(slate, in.events.end()) << id;
    ASSERT_EQ(slate->items.size(), 2u);
    EXPECT_EQ(slate->items[1].index, 1);
  }
  const auto first = std::ranges::find(in.events, "e1/feed.impression", &Event::id);
  EXPECT_EQ(first->items[1].price, 2.5);
  EXPECT_EQ(first->time_ms, 1767225600000) << "01:00 at +01:00 is midnight UTC";
  EXPECT_EQ(first->context[0].text, "Ber\nlin");
  EXPECT_EQ(in.report.unmapped.at("hover"), 1u);
  EXPECT_EQ(in.report.rejected, 1u);
  EXPECT_THAT(in.report.unmapped_columns, testing::ElementsAre("extra"));
}

TEST(MapRows, LinesOfAnOrderAreOnePurchase) {
  const std::string map =
      "[columns]\nid = \"order\"\ntime = \"ts\"\nuser_id = \"who\"\nitem_id = \"sku\"\nprice = \"price\"\n"
      "[types]\n\"*\" = \"purchase\"\n";
  const Imported in = Import(map,
                             "order,ts,who,sku,price\n"
                             "o1,2026-01-01,u,a,1\no2,2026-01-01,v,a,1\no1,2026-01-01,u,b,2\no1,2026-01-01,u,b,2\n"
                             "o1,2026-01-01,w,c,2\n");
  ASSERT_EQ(in.events.size(), 2u);
  EXPECT_EQ(in.events[0].items.size(), 1u);
  EXPECT_EQ(in.events[1].items.size(), 2u);
  EXPECT_EQ(in.report.repeated_rows, 1u) << "a line that is there already";
  EXPECT_THAT(
      in.report.rejections,
      testing::ElementsAre(testing::HasSubstr("t.csv:6: id 'o1' is the id of line 2 too, which is of another")));
}

TEST(MapRows, AnIdThatNamesNoEventIsToldAndNotADuplicate) {
  const std::string map = "[columns]\nid = \"visit\"\n" + kShop.substr(kShop.find('\n') + 1);
  const Imported in = Import(map, kHeader + "2026-01-01 10:00,view,u,s,a,1,x\n2026-01-01 10:01,view,u,s,b,1,x\n" +
                                      "2026-01-01 10:00,view,u,s,a,1,x\n");
  EXPECT_EQ(in.events.size(), 1u);
  EXPECT_EQ(in.report.repeated_rows, 1u);
  EXPECT_THAT(in.report.rejections,
              testing::ElementsAre(testing::HasSubstr("t.csv:3: id 's' is the id of a row before")));
}

TEST(MapRows, RowsWithoutIdsAreNamedByTheirContent) {
  const std::string rows = kHeader + "2026-01-01 10:00,view,u,s,a,1,x\n2026-01-01 10:00,view,u,s,a,1,x\n" +
                           "2026-01-01 10:00,view,u,s,b,1,x\n";
  Imported first = Import(kShop, rows), again = Import(kShop, rows);
  ASSERT_EQ(first.events.size(), 3u);
  InventedIds one, two;
  for (std::size_t i = 0; i < 3; ++i) {
    one.Number(0, &first.events[i]);
    two.Number(0, &again.events[i]);
    EXPECT_EQ(first.events[i].id, again.events[i].id);
  }
  EXPECT_EQ(first.events[1].id, first.events[0].id + "-2") << "equal rows of one file are two events";
  EXPECT_NE(first.events[2].id, first.events[0].id);
  // The same name another day holds other rows.
  const Imported other = Import(kShop, kHeader + "2026-01-02 10:00,view,u,s,a,1,x\n");
  EXPECT_NE(other.events[0].id, first.events[0].id);
}

TEST(MapRows, CategoriesKeepTheirText) {
  const char* const categories[] = {
      "2111222333444555724", "38.5", "38", "038", "007", "Infinity", "nan", "1e3", "1000"};
  std::string csv = kHeader;
  for (const char* text : categories) csv += std::string(kTime) + ",view,u,s,i,5," + text + "\n";
  ImportSettings declared;
  declared.rules.properties["brand"] = PropertyType::kCategory;
  for (const ImportSettings& settings : {ImportSettings(), declared}) {
    const Imported in = Import(kShop, csv, settings);
    ASSERT_EQ(in.events.size(), std::size(categories));
    for (std::size_t i = 0; i < std::size(categories); ++i) {
      const Property& p = in.events[i].items[0].properties.at(0);
      EXPECT_EQ(CategoryText(p), categories[i]);
      if (!settings.rules.properties.empty()) EXPECT_EQ(p.text, categories[i]);
    }
  }
}

TEST(MapRows, SaysColumnValueAndWhatIsValid) {
  for (const auto& [price, why] :
       {std::pair("5,50", "valid is a number such as 1234.5, or decimal = \",\" in the map"),
        std::pair("1,234.50", "column 'price' is '1,234.50'; valid is a number such as"), std::pair("$5.50", "'$5.50'"),
        std::pair("0x1F", "'0x1F'"), std::pair("inf", "'inf'"), std::pair("1e999", "'1e999'"),
        std::pair("1e39", "valid are amounts from 0 to"), std::pair("-1", "valid are amounts from 0 to")}) {
    const Imported in = Import(kShop, kHeader + std::string(kTime) + ",view,u,s,i,\"" + price + "\",b\n");
    EXPECT_TRUE(in.events.empty()) << price;
    ASSERT_THAT(in.report.rejections, testing::ElementsAre(testing::HasSubstr(why)));
    EXPECT_EQ(in.report.rejections[0].find("decimal =") != std::string::npos, price == std::string_view("5,50"));
  }
  EXPECT_EQ(Import(kShop, kHeader + std::string(kTime) + ",view,u,s,i,+5.5,b\n").events.at(0).items[0].price, 5.5);
  const Imported late = Import(kShop, kHeader + "1/2/2026 10:00,view,u,s,i,1,b\n");
  EXPECT_THAT(late.report.rejections, testing::ElementsAre(testing::AllOf(testing::HasSubstr("column 'ts'"),
                                                                          testing::HasSubstr("time_format ="))));
  const Imported nobody = Import(kShop, kHeader + std::string(kTime) + ",view,,,i,1,b\n");
  EXPECT_THAT(nobody.report.rejections,
              testing::ElementsAre(testing::HasSubstr("user_id and session_id are missing (column 'customer')")));
  EXPECT_THAT(Import(kShop, "ts,action,customer,visit,sku,price,brand\n").failed,
              testing::AllOf(testing::HasSubstr("names column 'product', which is not there; there are 'ts', 'action'"),
                             testing::HasSubstr("'sku'")));
  EXPECT_THAT(Import(kShop, "ts,action,customer,visit,product,price,brand,price\n").failed,
              testing::HasSubstr("column 'price' is there twice"));
  const Imported latin = Import(kShop, kHeader + std::string(kTime) + ",view,m\xfcller,s,i,1,b\n");
  EXPECT_THAT(latin.report.rejections,
              testing::ElementsAre(testing::AllOf(testing::HasSubstr("user_id 'm\\xfcller' is not UTF-8"),
                                                  testing::HasSubstr("encoding = "))));
}

TEST(MapRows, TextsThatSayMissingAreMissing) {
  const std::string csv = kHeader + std::string(kTime) + ",view,NULL,s1,i,NULL,NULL\n" + std::string(kTime) +
                          ",view,\\N,s2,i,\\N,\\N\n" + std::string(kTime) + ",view,nan,s3,i,nan,nan\n";
  const Imported in = Import(kShop, csv);
  ASSERT_EQ(in.events.size(), 3u);
  for (const Event& e : in.events) {
    EXPECT_EQ(e.user_id, "");
    EXPECT_TRUE(std::isnan(e.items[0].price));
  }
  EXPECT_EQ(CategoryText(in.events[2].items[0].properties.at(0)), "nan") << "a category is its text";
  EXPECT_THAT(Warnings(in), testing::ElementsAre(testing::HasSubstr("has an id that looks missing")));
  EXPECT_TRUE(Import("null = [\"NULL\", \"\\\\N\", \"nan\"]\n" + kShop, csv).events[2].items[0].properties.empty());
  EXPECT_EQ(Import("null = []\n" + kShop, kHeader + std::string(kTime) + ",view,nan,s,i,1,b\n").events[0].user_id,
            "nan");
}

TEST(MapRows, WhatComesBackIsAReturn) {
  const std::string map = kShop + "[[type]]\ncolumn = \"price\"\nequals = \"0\"\nis = []\n";
  std::string with_quantity = map;
  with_quantity.insert(with_quantity.find("price ="), "quantity = \"qty\"\n");
  const Imported in = Import(with_quantity,
                             "ts,action,customer,visit,product,price,brand,qty\n"
                             "2026-01-01,order,u,s,i,5.5,b,2\n2026-01-02,order,u,s,i,5.5,b,-2\n"
                             "2026-01-03,order,u,s,i,-5.5,b,1.0\n2026-01-03,order,u,s,j,4,b,0.5\n"
                             "2026-01-03,order,u,s,j,0,b,1\n2026-01-03,order,u,s,j,4,b,0\n");
  ASSERT_EQ(in.events.size(), 3u);
  EXPECT_EQ(in.events[0].type, EventType::kPurchase);
  for (const std::size_t i : {1, 2}) {
    EXPECT_EQ(in.events[i].type, EventType::kPurchaseReturn);
    EXPECT_EQ(in.events[i].items[0].price, 5.5);
  }
  EXPECT_EQ(in.events[1].items[0].quantity, 2);
  EXPECT_THAT(in.report.rejections,
              testing::ElementsAre(testing::HasSubstr("column 'qty' is '0.5'; valid are whole numbers"),
                                   testing::HasSubstr("quantity of item 'j' is 0; valid are whole numbers from 1")));
  EXPECT_EQ(in.report.unmapped.at("left out by price"), 1u);
  EXPECT_THAT(Warnings(in), testing::ElementsAre(testing::HasSubstr("is read as a purchase.return")));
}

TEST(MapRows, TypesComeBySignPrefixAndWhatIsMissing) {
  const std::string map =
      "[columns]\ntime = \"ts\"\nuser_id = \"who\"\nitem_id = \"sku\"\nquantity = \"qty\"\ntransaction_id = \"bill\"\n"
      "[[type]]\ncolumn = \"bill\"\nprefix = \"C\"\nis = \"purchase.cancel\"\n"
      "[[type]]\ncolumn = \"qty\"\nbelow = 0\nis = \"purchase.return\"\n"
      "[[type]]\ncolumn = \"who\"\nmissing = true\nis = []\n"
      "[types]\n\"*\" = \"purchase\"\n";
  const Imported in = Import(
      map, "ts,who,sku,qty,bill\n2026-01-01,u,a,1,7\n2026-01-01,u,a,-1,C8\n2026-01-01,u,a,-3,9\n2026-01-01,,a,1,10\n");
  std::vector<std::string> types;
  for (const Event& e : in.events) types.emplace_back(EventTypeName(e.type));
  EXPECT_THAT(types, testing::ElementsAre("purchase", "purchase.cancel", "purchase.return"));
  EXPECT_EQ(in.events[2].items[0].quantity, 3);
  EXPECT_EQ(in.report.rejected, 0u);
}

TEST(MapRows, ListsMayHavePlacesWithoutAnItem) {
  const std::string map =
      "[columns]\ntype = \"action\"\ntime = \"ts\"\nuser_id = \"who\"\nrequest_id = \"rq\"\nitems = \"shown\"\nprices "
      "= "
      "\"eur\"\n[types]\nlisting = [\"feed.request\", \"feed.impression\"]\n";
  const Imported in = Import(map,
                             "ts,action,who,rq,shown,eur\n2026-01-01,listing,u,r1,i1||i3|,1||3|\n"
                             "2026-01-01,listing,u,r2,i1|i1| i2,\n2026-01-01,listing,u,r3,a|b,1\n");
  ASSERT_EQ(in.events.size(), 4u);
  ASSERT_EQ(in.events[1].items.size(), 2u);
  EXPECT_EQ(in.events[1].items[1].item_id, "i3");
  EXPECT_EQ(in.events[1].items[1].index, 2);
  EXPECT_EQ(in.events[1].items[1].price, 3);
  EXPECT_EQ(in.events[3].items[2].item_id, "i2") << "without the blank";
  EXPECT_THAT(Warnings(in),
              testing::ElementsAre("a list of items has places without one", "a slate shows an item twice"));
  EXPECT_THAT(in.report.rejections, testing::ElementsAre(testing::HasSubstr("2 items but 1 prices")));
}

TEST(MapRows, PositionsFromOneAreToldOrDeclared) {
  const std::string map =
      "slate = \"rows\"\n[columns]\nid = \"id\"\ntime = \"ts\"\nuser_id = \"who\"\nitem_id = \"sku\"\nindex = \"pos\"\n"
      "[types]\n\"*\" = \"feed.impression\"\n";
  const std::string csv = "id,ts,who,sku,pos\nr,2026-01-01,u,a,1\nr,2026-01-01,u,b,2\n";
  const Imported told = Import(map, csv), declared = Import("index_from = 1\n" + map, csv);
  EXPECT_EQ(told.events.at(0).items[0].index, 1);
  EXPECT_THAT(Warnings(told), testing::ElementsAre(testing::HasSubstr("index_from = 1")));
  EXPECT_EQ(declared.events.at(0).items[0].index, 0);
  EXPECT_THAT(Warnings(declared), testing::IsEmpty());
}

TEST(MapRows, RowsOfTheFutureAreRejectedAndOldOnesTold) {
  ImportSettings settings;
  settings.now_ms = ParseTime("2026-06-01T00:00:00Z").value();
  const Imported in = Import(kShop,
                             kHeader + "9999-05-28 13:13:23,view,u,s,i,1,b\n2026-06-01 00:04:00,view,u,s,i,1,b\n" +
                                 "1970-01-21 10:00:00,view,u,s,i,1,b\n",
                             settings);
  EXPECT_EQ(in.events.size(), 2u);
  EXPECT_THAT(
      in.report.rejections,
      testing::ElementsAre(testing::HasSubstr("t.csv:2: time 9999-05-28T13:13:23Z is in the future; now is 2026")));
  EXPECT_THAT(Warnings(in), testing::ElementsAre(testing::HasSubstr("before 1990")));
}

TEST(MapRows, TwoColumnsAreOneTimeAndTheFirstThatIsThereIsTheUser) {
  const std::string map =
      "time_format = \"%Y%m%d %H\"\ntime_zone = \"+02:00\"\n[columns]\ntime = [\"day\", \"hour\"]\nuser_id = "
      "[\"login\", "
      "\"cookie\"]\nitem_id = \"sku\"\n[types]\n\"*\" = \"item.view\"\n[constants]\nsurface = \"web\"\n";
  const Imported in = Import(map, "day,hour,login,cookie,sku\n20260101,9,,c,a\n20260101,10,u,c,a\n");
  ASSERT_EQ(in.events.size(), 2u);
  EXPECT_EQ(FormatTime(in.events[0].time_ms), "2026-01-01T07:00:00Z");
  EXPECT_EQ(in.events[0].user_id, "c");
  EXPECT_EQ(in.events[1].user_id, "u");
  EXPECT_EQ(in.events[1].surface, "web");
}

TEST(MapRows, ALoginOnAnAnonymousIdIsAnAlias) {
  const std::string map =
      "[columns]\ntime = \"ts\"\nuser_id = \"login\"\nanonymous_id = \"cookie\"\nitem_id = \"sku\"\n[types]\n\"*\" = "
      "\"item.view\"\n";
  const Imported in = Import(map, "ts,login,cookie,sku\n2026-01-01,,c,a\n2026-01-02,u,c,a\n2026-01-03,u,c,b\n");
  ASSERT_EQ(in.events.size(), 5u);
  EXPECT_EQ(in.events[0].user_id, "c");
  EXPECT_EQ(in.events[1].type, EventType::kUserAlias);
  EXPECT_EQ(in.events[1].user_id + " " + in.events[1].kind, "u c");
}

TEST(MapRows, ALongTableSaysOnePropertyARow) {
  const std::string map =
      "time_format = \"ms\"\n[columns]\ntime = \"timestamp\"\nitem_id = \"itemid\"\n[types]\n\"*\" = \"item.update\"\n"
      "[long]\nproperty = \"property\"\nvalue = \"value\"\nnumber_prefix = \"n\"\n[long.names]\ncategoryid = "
      "\"category\"\n"
      "790 = \"price\"\nrating = \"rating\"\n";
  const Imported in = Import(map,
                             "timestamp,itemid,property,value\n1433041200000,206783,categoryid,0338\n"
                             "1433041200000,206783,790,n4560.000\n1433041200000,206783,888,1116713\n"
                             "1433041200000,206783,rating,n4.5\n");
  ASSERT_EQ(in.events.size(), 3u);
  EXPECT_EQ(CategoryText(in.events[0].items[0].properties[0]), "0338");
  EXPECT_EQ(in.events[1].items[0].price, 4560);
  EXPECT_EQ(NumberOf(in.events[2].items[0].properties[0]), 4.5);
  EXPECT_EQ(in.report.unmapped.at("property '888'"), 1u);
}

TEST(MapRows, CurrenciesAreConvertedOrRefused) {
  std::string map = kShop;
  map.insert(map.find("price ="), "currency = \"cur\"\n");
  const std::string csv =
      "ts,action,customer,visit,product,price,brand,cur\n2026-01-01,order,u,s,i,10,b,EUR\n2026-01-01,order,u,s,i,1600,"
      "b,JPY\n"
      "2026-01-01,order,u,s,i,1,b,ZZZ\n";
  const Imported mixed = Import(map, csv);
  EXPECT_EQ(mixed.events.size(), 1u);
  EXPECT_THAT(mixed.report.rejections, testing::Contains(testing::HasSubstr("currency 'JPY' is not the 'EUR'")));
  ImportSettings rates;
  rates.rules.currency = "EUR";
  rates.rules.rates["JPY"] = 0.00625;
  const Imported converted = Import(map, csv, rates);
  ASSERT_EQ(converted.events.size(), 2u);
  EXPECT_EQ(converted.events[1].items[0].price, 10);
  EXPECT_EQ(converted.events[1].currency, "EUR");
  EXPECT_THAT(converted.report.rejections, testing::ElementsAre(testing::HasSubstr("currency 'ZZZ' has no rate")));
}

TEST(MapRows, ReadsVectorsFromListsOfNumbers) {
  const std::string map =
      "list_separator = \";\"\n[columns]\ntime = \"at\"\nitem_id = \"sku\"\n[types]\n\"*\" = \"item.update\"\n"
      "[vectors]\nembedding = \"emb\"\n";
  const Imported in = Import(map, "at,sku,emb\n2026-01-01,a,0.5;-1;2\n2026-01-01,b,\n2026-01-01,c,0.5;x\n");
  ASSERT_EQ(in.events.size(), 2u);
  EXPECT_EQ(in.events[0].items[0].properties[0].name, "embedding");
  EXPECT_THAT(in.events[0].items[0].properties[0].vector, testing::ElementsAre(0.5f, -1.0f, 2.0f));
  EXPECT_TRUE(in.events[1].items[0].properties.empty());
  EXPECT_THAT(in.report.rejections.at(0), testing::HasSubstr("t.csv:4: vector 'embedding'"));
}

TEST(MapRows, AMapIsRefusedByLine) {
  for (const auto& [text, why] : {std::pair(kShop + "[types.x]\n", "types"),
                                  std::pair(kShop + "[[type]]\ncolumn = \"a\"\nis = []\n", "one condition"),
                                  std::pair("time_format = \"%H\"\n" + kShop, "is not a time format"),
                                  std::pair("time_zone = \"Mars/Base\"\n" + kShop, "is not a time zone"),
                                  std::pair("encoding = \"klingon\"\n" + kShop, "is not an encoding"),
                                  std::pair("delimiter = \"ab\"\n" + kShop, "one character"),
                                  std::pair("colour = \"red\"\n" + kShop, "colour")}) {
    const auto map = ImportMap::Parse(text, "map.toml");
    ASSERT_FALSE(map.ok()) << text;
    EXPECT_THAT(map.error().ToString(), testing::AllOf(testing::HasSubstr("map.toml:"), testing::HasSubstr(why)));
  }
}

TEST(MapRows, AnyMixtureOfGoodAndBadRowsImportsTheGoodOnes) {
  const char* const bad[] = {"soon,view,u,s,i,1,b",
                             "2026-01-01 10:00,view,,,i,1,b",
                             "2026-01-01 10:00,view,u,s,,1,b",
                             "2026-01-01 10:00,order,u,s,i,1e39,b",
                             "2026-01-01 10:00,view,u,s,i,abc,b",
                             "2026-01-01 10:00,view,u,s,\xff\xfe,1,b",
                             "2026-01-01 10:00,view,u,s,i,1",
                             "2026-01-01 10:00,view,u,s,\"i,1,b",
                             "9999-01-01 10:00,view,u,s,i,1,b",
                             "2026-01-01 10:00,view,u\x01,s,i,1,b"};
  ImportSettings settings;
  settings.now_ms = ParseTime("2026-06-01T00:00:00Z").value();
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    std::string csv = kHeader;
    std::vector<std::string> good, got;
    std::uint64_t rejected = 0;
    for (std::uint64_t n = rng.Below(40); n > 0; --n) {
      if (rng.Chance(0.4)) {
        csv += std::string(bad[rng.Below(std::size(bad))]) + "\n";
        ++rejected;
      } else {
        good.push_back("i" + std::to_string(rng.Below(1000)));
        csv += "2026-01-01 10:00,view,u,s," + good.back() + ",1,\"b, \"\"" + good.back() + "\"\"\"\n";
      }
    }
    const Imported in = Import(kShop, csv, settings);
    for (const Event& e : in.events) got.push_back(e.items[0].item_id);
    EXPECT_EQ(got, good) << csv;
    EXPECT_EQ(in.report.rejected, rejected) << csv;
  }
}

}  // namespace
}  // namespace gfr

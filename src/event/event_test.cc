#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/byte_writer.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "event/event_codec.h"
#include "event/event_json.h"
#include "event/importer.h"

namespace gfr {
namespace {

std::string RandomText(Rng& rng) {
  std::string text;
  for (std::uint64_t n = rng.Below(12); n > 0; --n) text += static_cast<char>(rng.Below(256));
  return text;
}

std::vector<std::uint32_t> RandomItems(Rng& rng, std::size_t items) {
  std::vector<std::uint32_t> some;
  for (std::uint32_t i = 0; i < items; ++i) {
    if (rng.Chance(0.6)) some.push_back(i);
  }
  return some;
}

std::vector<float> RandomFloats(Rng& rng, std::size_t n) {
  std::vector<float> v;
  const std::uint64_t kind = rng.Below(4);
  for (std::size_t i = 0; i < n; ++i)
    v.push_back(kind == 0   ? 0.25f
                : kind == 1 ? static_cast<float>(rng.Below(300))
                : kind == 2 ? std::nanf("")
                            : static_cast<float>(rng.Normal()));
  return v;
}

ServedSlate RandomSlate(Rng& rng, std::size_t items) {
  ServedSlate s;
  s.positions = {{0, static_cast<std::int64_t>(rng.Below(99)) - 1}};
  if (rng.Chance(0.2)) s.positions.push_back({7, 12});
  s.now_ms = 5;
  s.epoch_end_ms = 4;
  if (rng.Chance(0.5)) s.lists_epoch_end_ms = -3;
  if (rng.Chance(0.3)) s.indexes = {{"als", "3"}, {"co", ""}};
  s.configuration = rng.Below(2) * rng.Next();
  s.feed = RandomText(rng);
  if (rng.Chance(0.5)) {
    s.unit = RandomText(rng);
    s.unit_kind = UnitKind::kSession;
  }
  if (rng.Chance(0.3)) s.experiments = {{"button", "b", true}, {"", RandomText(rng), false}};
  s.models = {{"feed/1", ModelRole::kChampion}, {"feed/2", ModelRole::kShadow}};
  s.feature_fingerprint = rng.Next();
  const std::vector<std::uint64_t> fingerprints{rng.Next(), rng.Next(), rng.Next()};
  SetColumns(fingerprints, RandomFloats(rng, 3 * items), items,
             rng.Chance(0.3) ? AllItems(items) : RandomItems(rng, items), &s);
  s.scored = rng.Chance(0.3) ? AllItems(items) : RandomItems(rng, items);
  s.scores = {{0, "pctr", RandomFloats(rng, items), {}},
              {1, "margin", RandomFloats(rng, items), RandomFloats(rng, items)}};
  s.value = RandomFloats(rng, items);
  s.propensity = std::vector<float>(items, 1.0f);
  if (items > 0) s.propensity[rng.Below(items)] = 0.25f;
  if (rng.Chance(0.4)) s.draws = {{3, RandomItems(rng, items), {}}, {9, AllItems(items), RandomFloats(rng, items)}};
  if (rng.Chance(0.2)) s.policy = "duals/7";
  if (rng.Chance(0.2)) s.duals = {{"floor of a", rng.Normal()}};
  if (rng.Chance(0.5)) s.swaps = {0, 2, static_cast<std::int32_t>(rng.Below(1000))};
  if (rng.Chance(0.2)) s.cursor = "20", s.first_request = RandomText(rng);
  if (rng.Chance(0.5)) s.took_ms = 1.5f;
  if (rng.Chance(0.3)) s.interleaving = {.experiment = "pair", .credit = RandomFloats(rng, rng.Below(items + 1))};
  return s;
}

Event RandomEvent(Rng& rng) {
  Event e;
  e.id = RandomText(rng);
  e.source = RandomText(rng);
  e.type = static_cast<EventType>(1 + rng.Below(kEventTypes - 1));
  e.time_ms = static_cast<std::int64_t>(rng.Next() >> 20);
  e.user_id = RandomText(rng);
  e.session_id = RandomText(rng);
  e.request_id = RandomText(rng);
  e.kind = RandomText(rng);
  e.value = rng.Chance(0.5) ? rng.Normal() : std::nan("");
  for (std::uint64_t n = rng.Below(4); n > 0; --n) {
    EventItem item{.item_id = RandomText(rng),
                   .index = static_cast<std::int32_t>(rng.Below(100)) - 1,
                   .channel = RandomText(rng),
                   .price = rng.Normal()};
    if (rng.Chance(0.5))
      item.properties = {{.name = RandomText(rng), .text = "x"}, {.name = "n", .number = rng.Normal()}};
    if (rng.Chance(0.3)) item.properties.push_back({.name = "v", .vector = {1.5f, static_cast<float>(rng.Normal())}});
    e.items.push_back(std::move(item));
  }
  if (e.type == EventType::kFeedRequest) {
    e.served = RandomSlate(rng, e.items.size());
  }
  return e;
}

TEST(EventCodec, GivesBackWhatItTookBitForBit) {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes, again;
    EncodeEvent(RandomEvent(rng), &bytes);
    const auto decoded = DecodeEvent(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EncodeEvent(decoded.value(), &again);
    ASSERT_EQ(bytes, again);
  }
}

// Every format that was ever written, byte for byte as its own encoder wrote it (tests/corpus/event_codec).
TEST(EventCodec, ReadsEveryFormatForEver) {
  for (int format = 1; format <= 5; ++format) {
    SCOPED_TRACE(format);
    const std::string bytes =
        PosixFileSystem()
            .ReadAll(std::string(GFR_SOURCE_DIR) + "/tests/corpus/event_codec/format" + std::to_string(format) + ".bin")
            .value();
    ASSERT_EQ(bytes[0], format);
    const auto decoded = DecodeEvent(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    const Event& e = decoded.value();
    EXPECT_EQ(e.user_id, "u");
    ASSERT_EQ(e.items.size(), 3u);
    EXPECT_EQ(e.items[1].item_id, "item-b");
    EXPECT_EQ(e.items[1].index, 0);
    EXPECT_EQ(e.items[2].index, -1);
    EXPECT_EQ(e.items[0].price, 9.5);
    EXPECT_EQ(e.items[2].channel, "explore");
    EXPECT_EQ(e.context[0].text, "berlin");
    EXPECT_EQ(e.items[0].properties[0].vector.size(), format >= 2 ? 2u : 0u);
    const ServedSlate& s = e.served;
    EXPECT_EQ(s.positions, (std::vector<LogPosition>{{0, 41}}));
    EXPECT_EQ(s.now_ms, 1000);
    EXPECT_EQ(s.models, (std::vector<ServedModel>{{"feed/3", ModelRole::kChampion}}));
    EXPECT_EQ(s.experiments, (std::vector<ServedExperiment>{{"", "blue", false}})) << "of Event::variant";
    EXPECT_EQ(s.feature_fingerprint, 77u);
    ASSERT_EQ(s.columns.size(), 2u);
    EXPECT_EQ(s.kept, AllItems(3));
    EXPECT_EQ(s.columns[1].values, (std::vector<float>{2, 4, 6}));
    EXPECT_EQ(s.Find("pctr")->values, (std::vector<float>{0.5f, 0.25f, 0.125f}));
    EXPECT_EQ(s.Find("pcvr")->values, (std::vector<float>{0.1f, 0.2f, 0.3f}));
    EXPECT_EQ(s.value, (std::vector<float>{3, 2, 1}));
    EXPECT_EQ(s.propensity, (std::vector<float>{1, 0.5f, 1}));
    EXPECT_EQ(s.Find("pctr")->at_shown.size(), format >= 3 ? 3u : 0u);
    EXPECT_EQ(s.swaps.size(), format >= 4 ? 1u : 0u);
    std::string again;
    EncodeEvent(e, &again);
    EXPECT_EQ(DecodeEvent(again).value().served.columns[1].values, s.columns[1].values) << "written again as format 5";
    if (format == 5) {
      EXPECT_EQ(again, bytes);
    }
  }
}

// One of every field of format 5, and one that no version knows yet.
TEST(EventCodec, ReadsEveryFieldOfFormat5ForEver) {
  const std::string bytes =
      PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/tests/corpus/event_codec/all_fields5.bin").value();
  const auto decoded = DecodeEvent(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const Event& e = decoded.value();
  ASSERT_EQ(e.items.size(), 4u);
  EXPECT_EQ(e.items[3].item_id, "item-d");
  EXPECT_EQ(e.items[2].index, 0);
  EXPECT_EQ(e.items[1].index, 1);
  EXPECT_EQ(e.items[3].index, -1);
  EXPECT_EQ(e.items[0].channel, "exploit");
  EXPECT_EQ(e.items[3].channel, "explore");
  EXPECT_EQ(e.items[0].price, 9.5);
  EXPECT_EQ(e.items[3].quantity, 2);
  EXPECT_EQ(e.items[1].properties[1].text, "red");
  const ServedSlate& s = e.served;
  EXPECT_EQ(s.positions, (std::vector<LogPosition>{{0, 41}, {3, 7}}));
  EXPECT_EQ(s.now_ms, 1000);
  EXPECT_EQ(s.epoch_end_ms, 900);
  EXPECT_EQ(s.lists_epoch_end_ms, 840);
  EXPECT_EQ(s.indexes, (std::vector<ServedIndex>{{"als", "4"}}));
  EXPECT_EQ(s.configuration, 12345u);
  EXPECT_EQ(s.feed, "home");
  EXPECT_EQ(s.unit, "u");
  EXPECT_EQ(s.unit_kind, UnitKind::kLogin);
  EXPECT_EQ(s.experiments, (std::vector<ServedExperiment>{{"button", "b", true}, {"ranker", "a", false}}));
  EXPECT_EQ(s.models, (std::vector<ServedModel>{{"feed/3", ModelRole::kChampion}, {"feed/4", ModelRole::kShadow}}));
  EXPECT_EQ(s.feature_fingerprint, 77u);
  EXPECT_EQ(s.kept, (std::vector<std::uint32_t>{1, 2}));
  ASSERT_EQ(s.columns.size(), 3u);
  EXPECT_EQ(s.columns[1].fingerprint, 2u);
  EXPECT_EQ(s.columns[0].values, (std::vector<float>{0.25f, 0.125f}));
  EXPECT_EQ(s.columns[1].values, (std::vector<float>{300, 9}));
  EXPECT_EQ(s.columns[2].values, (std::vector<float>{1, 1}));
  const std::vector<float> all{7, 300, 9, 8};
  EXPECT_EQ(s.columns[1].crc, Crc32c(all.data(), all.size() * sizeof(float)));
  EXPECT_EQ(s.scored, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(s.Find("pctr")->values[3], 0.3f);
  EXPECT_TRUE(std::isnan(s.Find("pctr")->values[0]));
  EXPECT_EQ(s.Find("pctr")->at_shown[2], 0.22f);
  EXPECT_EQ(s.Find("margin", 1)->values[1], 4);
  EXPECT_TRUE(s.Find("margin", 1)->at_shown.empty());
  EXPECT_EQ(s.value[3], 3);
  EXPECT_EQ(s.propensity, (std::vector<float>{1, 0.5f, 1, 1}));
  EXPECT_EQ(s.draws, (std::vector<ServedDraw>{{1, {1, 3}, {0.75f, 0.25f}}, {0, {1, 2, 3}, {}}}));
  EXPECT_EQ(s.policy, "settings/2");
  EXPECT_EQ(s.duals, (std::vector<ServedDual>{{"floor", 0.125}}));
  EXPECT_EQ(s.swaps, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(s.cursor, "c2");
  EXPECT_EQ(s.first_request, "r0");
  EXPECT_EQ(s.took_ms, 1.5f);
  EXPECT_EQ(s.unknown, std::string("\x4d\x02hi", 4));
  std::string again;
  EncodeEvent(e, &again);
  EXPECT_EQ(again, bytes);
}

TEST(EventCodec, TellsANewerFormatFromBytesThatAreNoEvent) {
  std::string bytes;
  EncodeEvent({.id = "1", .user_id = "u"}, &bytes);
  bytes[0] = 6;
  EXPECT_EQ(DecodeEvent(bytes).error().code, ErrorCode::kNeedsNewer);
  EXPECT_THAT(DecodeEvent(bytes).error().message, testing::HasSubstr("needs a newer gfr"));
  bytes[0] = 5;
  bytes[1] = 99;
  EXPECT_EQ(DecodeEvent(bytes).error().code, ErrorCode::kNeedsNewer) << "a type of a later version";
  bytes[0] = 0;
  EXPECT_EQ(DecodeEvent(bytes).error().code, ErrorCode::kCorrupt);
  bytes[0] = 4;
  EXPECT_EQ(DecodeEvent(bytes).error().code, ErrorCode::kCorrupt) << "format 4 had no such type";
}

TEST(EventCodec, KeepsFieldsOfASlateThatItDoesNotKnowWhenARecordIsWrittenAgain) {
  Event e{.id = "1", .type = EventType::kFeedRequest, .items = {{.item_id = "a"}}};
  e.served.positions = {{0, 3}};
  std::string bytes, again;
  EncodeEvent(e, &bytes);
  const std::string later = {77, 2, 'h', 'i', static_cast<char>(200), 1, 0};  // Field 77 of 2 bytes, field 200 of none.
  bytes += later;
  const auto decoded = DecodeEvent(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded.value().served.unknown, later);
  EXPECT_EQ(decoded.value().served.as_of(), 3);
  EncodeEvent(decoded.value(), &again);
  EXPECT_EQ(again, bytes);
  EXPECT_FALSE(DecodeEvent(bytes + later).ok()) << "each field once, in order";
}

// A slate that somebody posted to a server of 0.1: the record stays readable, without what does not fit.
TEST(EventCodec, ListsOfFormat4ThatDoNotFitTheItemsAreLeftOut) {
  std::string bytes =
      PosixFileSystem().ReadAll(std::string(GFR_SOURCE_DIR) + "/tests/corpus/event_codec/short_lists4.bin").value();
  const auto decoded = DecodeEvent(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded.value().items.size(), 3u);
  EXPECT_TRUE(decoded.value().served.exists());
  EXPECT_TRUE(decoded.value().served.columns.empty());
  EXPECT_EQ(decoded.value().served.Find("pctr"), nullptr);
  EXPECT_EQ(decoded.value().served.propensity, (std::vector<float>{1, 1, 1}));
}

TEST(EventCodec, AnOldSlateOfNoItemsHasNoColumnsHoweverManyItSays) {
  for (const std::uint64_t columns : {std::uint64_t{1} << 40, std::uint64_t{1} << 63}) {
    for (const std::size_t items : {0u, 2u}) {  // Two times 2^63 columns wrap to none.
      std::string bytes;
      ByteWriter w{&bytes};
      w.Byte(4);
      w.Byte(static_cast<std::uint8_t>(EventType::kFeedRequest));
      for (int text = 0; text < 10; ++text) w.String(text == 0 ? "1" : "");
      w.Signed(5);
      w.Number(0.0);
      w.Varint(items);
      for (std::size_t i = 0; i < items; ++i) {
        w.String("i");
        w.Signed(-1);
        w.String("");
        w.Number(1.0);
        w.Signed(1);
        w.Varint(0);
      }
      w.Varint(0);
      w.Byte(1);
      for (int k = 0; k < 3; ++k) w.Signed(7);
      w.String("feed/1");
      w.Varint(77);
      w.Varint(columns);
      for (int list = 0; list < 7; ++list) w.Floats({});
      w.Varint(0);
      const auto decoded = DecodeEvent(bytes);
      ASSERT_TRUE(decoded.ok()) << decoded.error().message;
      EXPECT_EQ(decoded.value().items.size(), items);
      EXPECT_TRUE(decoded.value().served.columns.empty());
    }
  }
}

TEST(EventCodec, AFewBytesDoNotFillTheMemory) {
  Event e{.id = "1", .type = EventType::kFeedRequest};
  e.items.resize(200'000);  // Of one byte each, and 100 columns of one number.
  e.served.positions = {{0, 3}};
  e.served.kept = AllItems(e.items.size());
  e.served.columns.resize(100);
  for (ServedColumn& c : e.served.columns) c.values.assign(e.items.size(), 1.0f);
  std::string bytes;
  EncodeEvent(e, &bytes);
  EXPECT_LT(bytes.size(), 300'000u);
  EXPECT_EQ(DecodeEvent(bytes).error().code, ErrorCode::kCorrupt) << "20 million numbers";
  EXPECT_FALSE(DecodeEvent(bytes, 1000).ok()) << "too many items";
}

TEST(EventCodec, SurvivesAnyBytes) {
  Rng rng(2);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    EncodeEvent(RandomEvent(rng), &bytes);
    for (std::uint64_t n = 1 + rng.Below(4); n > 0; --n)
      bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
    if (rng.Chance(0.3)) bytes.resize(rng.Below(bytes.size()));
    (void)DecodeEvent(bytes);
  }
}

ParsedEvents Parse(std::string_view body, BodyFormat format = BodyFormat::kJson) {
  return ParseEvents(body, format, {});
}

constexpr std::string_view kGood =
    R"({"specversion":"1.0","id":"1","source":"app","type":"feed.click","time":"2026-01-01T00:00:00Z",
  "data":{"user_id":"u","session_id":"s","request_id":"r","items":[{"item_id":"i","index":3,"price":9.5,"properties":{"brand":"b","rating":4}}],"context":{"geography":"berlin"}}})";

// What one event's data of `type` is: its JSON as we write it, or the code and message of its rejection.
std::string ReadData(const std::string& type, const std::string& data, const EventRules& rules = {}) {
  const std::string body =
      R"({"id":"e","source":"s","type":")" + type + R"(","time":"2026-01-05T10:00:00Z","data":)" + data + "}";
  const ParsedEvents parsed = ParseEvents(body, BodyFormat::kJson, {.rules = &rules});
  if (!parsed.rejected.empty()) return parsed.rejected[0].code + ": " + parsed.rejected[0].message;
  const std::string json = EventToJson(parsed.events.at(0));
  return json.substr(json.find("\"data\":") + 7);
}

TEST(EventJson, NullIsAbsentEverywhere) {
  EXPECT_EQ(
      ReadData(
          "item.view",
          R"({"user_id":null,"session_id":"s","surface":null,"value":null,"context":null,"items":[{"item_id":"i","price":null,"quantity":null,"index":null,"channel":null,"properties":null}]})"),
      R"({"session_id":"s","items":[{"item_id":"i"}]})"
      "}");
  EXPECT_EQ(ReadData("search", R"({"user_id":"u","items":null,"context":{"geography":null,"device":"ios"}})"),
            R"({"user_id":"u","context":{"device":"ios"}}})");
  EXPECT_THAT(ReadData("item.view", R"({"user_id":"u","items":null})"), testing::StartsWith("missing_field"));
  EXPECT_THAT(ReadData("item.view", R"({"user_id":"u","items":[{"item_id":null}]})"),
              testing::StartsWith("missing_field"));
}

TEST(EventJson, WhatIsNotDeclaredMayBeAnything) {
  EventRules rules;
  rules.properties = {{"device", PropertyType::kCategory}, {"embedding", PropertyType::kVector}};
  EXPECT_EQ(
      ReadData("search",
               R"({"user_id":"u","context":{"logged_in":true,"app":{"os":"ios"},"tags":["a","b"],"device":false}})",
               rules),
      R"({"user_id":"u","context":{"logged_in":"true","device":"false"}}})");
  EXPECT_THAT(ReadData("search", R"({"user_id":"u","context":{"device":{"type":"ios"}}})", rules),
              testing::StartsWith(R"(bad_type: context.device is {"type":"ios"}; valid is a string or a number)"));
  EXPECT_THAT(ReadData("item.update", R"({"items":[{"item_id":"i","properties":{"embedding":["a"]}}]})", rules),
              testing::StartsWith("bad_type: properties.embedding is not a list"));
}

TEST(EventJson, WholeNumbersMayHaveAPoint) {
  EXPECT_EQ(ReadData("purchase", R"({"user_id":"u","items":[{"item_id":"i","quantity":2.0,"index":1.0}]})"),
            R"({"user_id":"u","items":[{"item_id":"i","index":1,"quantity":2}]}})");
  EXPECT_THAT(ReadData("purchase", R"({"user_id":"u","items":[{"item_id":"i","quantity":0.5}]})"),
              testing::HasSubstr("quantity is 0.5"));
}

TEST(EventJson, CategoriesAreTheirTextAndWholeNumbersLoseNoDigit) {
  EventRules rules;
  rules.properties = {{"size", PropertyType::kCategory}, {"rating", PropertyType::kNumber}};
  const auto size = [&](const std::string& value) {
    const std::string data =
        ReadData("item.update", R"({"items":[{"item_id":"i","properties":{"size":)" + value + "}}]}", rules);
    const std::size_t at = data.find("\"size\":") + 7;
    return data.substr(at, data.find('}') - at);
  };
  EXPECT_EQ(size("38.0"), R"("38")");
  EXPECT_EQ(size("38.5"), R"("38.5")");
  EXPECT_EQ(size("1e3"), R"("1000")");
  EXPECT_EQ(size("2111222333444555724"), R"("2111222333444555724")");
  EXPECT_EQ(size("18446744073709551615"), R"("18446744073709551615")");
  EXPECT_EQ(size("\"038\""), R"("038")");
  EXPECT_EQ(size("true"), R"("true")");
  EXPECT_THAT(ReadData("item.update", R"({"items":[{"item_id":"i","properties":{"rating":"4.50"}}]})", rules),
              testing::HasSubstr(R"("rating":4.5)"));
}

TEST(EventJson, HoldsEventsToTheRules) {
  EventRules rules;
  rules.currency = "EUR";
  rules.rates = {{"JPY", 0.00625}};
  const std::string item = R"({"user_id":"u","items":[{"item_id":"i",)";
  for (const auto& [data, code] : std::vector<std::pair<std::string, std::string>>{
           {item + R"("price":1e39}]})", "bad_number: price of item 'i' is 1e+39"},
           {item + R"("price":-1}]})",
            "bad_number: price of item 'i' is -1; valid are amounts from 0 to 1000000000000; what comes back is a "
            "purchase.return"},
           {item + R"("properties":{"x":1e300}}]})",
            "bad_number: properties.x is 1e+300; valid are numbers of 32 bits"},
           {item + R"("quantity":-2}]})", "bad_quantity: quantity is -2"},
           {item + R"("quantity":-1}]})", "bad_quantity: quantity of item 'i' is -1"},
           {item + R"("quantity":0}]})", "bad_quantity: "},
           {R"({"user_id":"u","items":[{"item_id":"  "}]})", "bad_id: item_id is blank"},
           {R"({"user_id":"u","items":[{"item_id":"a\u0000b"}]})", "bad_id: item_id 'a\\x00b' has control characters"},
           {R"({"user_id":")" + std::string(1025, 'x') + R"(","items":[{"item_id":"i"}]})",
            "too_large: user_id has 1025 bytes"},
           {R"({"user_id":"u","currency":"ZZZ","items":[{"item_id":"i"}]})",
            "bad_currency: currency 'ZZZ' has no rate; valid are EUR, JPY"}})
    EXPECT_THAT(ReadData("purchase", data, rules), testing::StartsWith(code)) << data;
  EXPECT_EQ(ReadData("purchase",
                     R"({"user_id":"u","currency":"JPY","value":1600,"items":[{"item_id":"i","price":1600}]})", rules),
            R"({"user_id":"u","currency":"EUR","value":10.0,"items":[{"item_id":"i","price":10.0}]}})");
}

TEST(EventJson, WhatOnlyTheServerKnowsIsTakenFromAnImporterAndRefusedFromAClient) {
  for (const std::string type : {"feed.request", "feed.shadow"}) {
    std::string body(kGood);
    body.replace(body.find("feed.click"), 10, type);
    EXPECT_EQ(Parse(body).events.size(), 1u);
    for (const BodyFormat format : {BodyFormat::kJson, BodyFormat::kNdjson}) {
      body.erase(std::remove(body.begin(), body.end(), '\n'), body.end());
      const ParsedEvents parsed = ParseEvents(body, format, {.from_client = true});
      ASSERT_EQ(parsed.rejected.size(), 1u);
      EXPECT_EQ(parsed.rejected[0].code, "server_only");
      EXPECT_TRUE(parsed.events.empty());
    }
  }
  EXPECT_EQ(ParseEvents(kGood, BodyFormat::kJson, {.from_client = true}).events.size(), 1u);
}

TEST(EventJson, ReadsWhatItWrites) {
  const ParsedEvents parsed = Parse(kGood);
  ASSERT_EQ(parsed.events.size(), 1u);
  const Event& e = parsed.events[0];
  EXPECT_EQ(e.type, EventType::kFeedClick);
  EXPECT_EQ(e.items[0].index, 3);
  EXPECT_EQ(e.items[0].properties[0].text, "b");
  const ParsedEvents again = Parse(EventToJson(e));
  ASSERT_EQ(again.events.size(), 1u);
  std::string a, b;
  EncodeEvent(e, &a);
  EncodeEvent(again.events[0], &b);
  EXPECT_EQ(a, b);
}

// The slow way of EventToJson: a document, and its dump.
std::string JsonByDocument(const Event& e) {
  using Document = nlohmann::ordered_json;
  const auto text = [](Document& json, const char* key, const std::string& value) {
    if (!value.empty()) json[key] = value;
  };
  const auto properties = [](const std::vector<Property>& list) {
    Document json = Document::object();
    for (const Property& p : list) {
      if (!p.text.empty())
        json[p.name] = p.text;
      else if (!p.vector.empty())
        json[p.name] = p.vector;
      else if (std::isfinite(p.number))
        json[p.name] = p.number;
    }
    return json;
  };
  Document data = Document::object();
  text(data, "user_id", e.user_id);
  text(data, "session_id", e.session_id);
  text(data, "request_id", e.request_id);
  text(data, "surface", e.surface);
  text(data, "variant", e.variant);
  text(data, e.type == EventType::kUserAlias ? "anonymous_id" : "kind", e.kind);
  text(data, "currency", e.currency);
  text(data, "transaction_id", e.transaction_id);
  if (std::isfinite(e.value)) data["value"] = e.value;
  if (!e.context.empty()) data["context"] = properties(e.context);
  for (const EventItem& item : e.items) {
    Document json{{"item_id", item.item_id}};
    if (item.index >= 0) json["index"] = item.index;
    text(json, "channel", item.channel);
    if (std::isfinite(item.price)) json["price"] = item.price;
    if (item.quantity != 1) json["quantity"] = item.quantity;
    if (!item.properties.empty()) json["properties"] = properties(item.properties);
    data["items"].push_back(std::move(json));
  }
  const Document json{{"specversion", "1.0"},
                      {"id", e.id},
                      {"source", e.source},
                      {"type", EventTypeName(e.type)},
                      {"time", FormatTime(e.time_ms)},
                      {"data", std::move(data)}};
  return json.dump(-1, ' ', false, Document::error_handler_t::replace);
}

TEST(EventJson, IsByteForByteTheDumpOfADocument) {
  Rng rng(3);
  const auto id = [&] {
    constexpr const char* kTexts[] = {"",
                                      "u1",
                                      "a \"quote\"",
                                      "back\\slash",
                                      "line\nend\x01\x7f",
                                      "Sch\u00fche",
                                      "\xff not UTF-8",
                                      "\xF0\x9F\x9A\x80",
                                      "tab\t/"};
    return rng.Chance(0.1) ? RandomText(rng) : std::string(kTexts[rng.Below(std::size(kTexts))]);
  };
  const auto number = [&] {
    constexpr double kNumbers[] = {0,    -0.0,         1,   38.5,    1e21,
                                   1e-7, 123456789012, 0.1, 1.0 / 3, std::numeric_limits<double>::max()};
    return rng.Chance(0.3)   ? rng.Normal() * 1e5
           : rng.Chance(0.1) ? std::nan("")
                             : kNumbers[rng.Below(std::size(kNumbers))];
  };
  const auto properties = [&] {
    std::vector<Property> list(rng.Below(4));
    for (Property& p : list) {
      p.name = rng.Chance(0.3) ? "twice" : id();
      if (rng.Chance(0.5)) p.text = id();
      if (rng.Chance(0.2)) p.vector = RandomFloats(rng, rng.Below(4));
      if (rng.Chance(0.5)) p.number = number();
    }
    return list;
  };
  for (int round = 0; round < 3000; ++round) {
    Event e{.id = id(), .source = id(), .type = static_cast<EventType>(1 + rng.Below(21)), .user_id = id()};
    e.time_ms = static_cast<std::int64_t>(rng.Below(4'000'000'000'000));
    if (rng.Chance(0.5)) e.time_ms = e.time_ms / 1000 * 1000;
    e.session_id = id(), e.request_id = id(), e.surface = id(), e.variant = id(), e.kind = id(), e.currency = id();
    e.transaction_id = id();
    e.value = number();
    e.context = properties();
    e.items.resize(rng.Below(3));
    for (EventItem& item : e.items) {
      item.item_id = id();
      item.index = static_cast<std::int32_t>(rng.Below(4)) - 1;
      item.channel = id();
      item.price = number();
      item.quantity = static_cast<std::int32_t>(rng.Below(3));
      item.properties = properties();
    }
    ASSERT_EQ(EventToJson(e), JsonByDocument(e));
  }
}

TEST(EventJson, AnItemIsTakenOffSaleByItsIdAloneAndNeedsNoUser) {
  const std::string body =
      R"([{"specversion":"1.0","id":"1","source":"erp","type":"item.delete","time":"2026-01-01T10:00:00Z",)"
      R"("data":{"items":[{"item_id":"gone"}]}},)"
      R"({"specversion":"1.0","id":"2","source":"erp","type":"item.delete","time":"2026-01-01T10:00:00Z","data":{}}])";
  const ParsedEvents parsed = ParseEvents(body, BodyFormat::kJson, {});
  ASSERT_EQ(parsed.events.size(), 1u);
  EXPECT_EQ(parsed.events[0].type, EventType::kItemDelete);
  EXPECT_EQ(static_cast<int>(EventType::kItemDelete), 21) << "numbers on disk are never changed";
  EXPECT_EQ(parsed.events[0].items[0].item_id, "gone");
  ASSERT_EQ(parsed.rejected.size(), 1u);
  EXPECT_EQ(parsed.rejected[0].message, "data.items is missing or empty");
}

TEST(EventJson, AnAliasNamesTheAnonymousIdAndTheLogin) {
  const auto alias = [](const std::string& data) {
    return Parse(R"({"id":"1","source":"s","type":"user.alias","time":"2026-01-01T00:00:00Z","data":{)" + data + "}}");
  };
  for (const char* name : {"anonymous_id", "kind"}) {
    const auto parsed = alias(R"("user_id":"login",")" + std::string(name) + R"(":"visitor")");
    ASSERT_EQ(parsed.events.size(), 1u) << name;
    EXPECT_EQ(parsed.events[0].kind, "visitor");
    EXPECT_THAT(EventToJson(parsed.events[0]), testing::HasSubstr(R"("anonymous_id":"visitor")"));
  }
  for (const char* data : {R"("user_id":"login")", R"("session_id":"s","anonymous_id":"visitor")"}) {
    const auto parsed = alias(data);
    ASSERT_EQ(parsed.rejected.size(), 1u) << data;
    EXPECT_EQ(parsed.rejected[0].code, "missing_field");
  }
}

TEST(EventJson, NamesWhatIsWrongWithItsCode) {
  const auto code = [](std::string from, const std::string& to) {
    std::string body(kGood);
    body.replace(body.find(from), from.size(), to);
    const ParsedEvents parsed = Parse(body);
    return parsed.rejected.size() == 1 && parsed.events.empty() ? parsed.rejected[0].code : "none";
  };
  EXPECT_EQ(code("\"id\":\"1\"", "\"id\":1"), "bad_type");
  EXPECT_EQ(code("\"id\":\"1\",", ""), "missing_field");
  EXPECT_EQ(code("feed.click", "feed.klick"), "unknown_type");
  EXPECT_EQ(code("2026-01-01T00:00:00Z", "yesterday"), "bad_type");
  EXPECT_EQ(code("\"user_id\":\"u\",\"session_id\":\"s\",", ""), "missing_field");
  EXPECT_EQ(code("\"item_id\":\"i\",", ""), "missing_field");
  EXPECT_EQ(code("\"index\":3", "\"index\":\"3\""), "bad_type");
  EXPECT_EQ(code("\"price\":9.5", "\"price\":[]"), "bad_type");
  EXPECT_EQ(Parse(kGood.substr(0, kGood.size() - 1)).rejected[0].code, "bad_json");
  EXPECT_EQ(Parse("[1]").rejected[0].code, "bad_type");
  EXPECT_EQ(Parse("").rejected[0].code, "bad_json");
}

TEST(EventJson, TakesVectorsOfItemsAndBoundsThem) {
  const auto parse = [](const std::string& properties, const std::string& context) {
    return Parse(
        R"({"id":"1","source":"s","type":"item.update","time":"2026-01-01T00:00:00Z","data":{"items":[{"item_id":"i",)"
        R"("properties":)" +
        properties + R"(}],"context":)" + context + "}}");
  };
  const ParsedEvents good = parse(R"({"embedding":[0.5,-2,3e3],"none":[]})", "{}");
  ASSERT_EQ(good.events.size(), 1u);
  EXPECT_THAT(good.events[0].items[0].properties[0].vector, testing::ElementsAre(0.5f, -2.0f, 3000.0f));
  EXPECT_TRUE(std::isnan(good.events[0].items[0].properties[0].number));
  EXPECT_THAT(EventToJson(good.events[0]), testing::HasSubstr("[0.5,-2.0,3000.0]"));
  std::string longest = "[1";
  for (int k = 1; k < 1024; ++k) longest += ",1";
  EXPECT_EQ(parse(R"({"v":)" + longest + "]}", "{}").events.size(), 1u);
  for (const std::string& wrong : {longest + ",1]", std::string("[1e39]")})
    EXPECT_THAT(parse(R"({"v":)" + wrong + "}", "{}").rejected.at(0).message,
                testing::HasSubstr("properties.v is not a list of at most 1024 numbers"));
  for (const std::string& none : {std::string("[1,\"a\"]"), std::string("[[1]]")})
    EXPECT_TRUE(parse(R"({"v":)" + none + "}", "{}").events.at(0).items[0].properties.empty()) << "nobody declares it";
  EXPECT_TRUE(parse("{}", R"({"v":[1,2]})").events.at(0).context.empty());
}

TEST(EventJson, TakesTheGoodOfABatchAndSaysWhichWereNot) {
  std::string line(kGood);
  std::erase(line, '\n');
  const ParsedEvents parsed = Parse(line + "\nnonsense\n\n" + line, BodyFormat::kNdjson);
  EXPECT_EQ(parsed.events.size(), 2u);
  EXPECT_THAT(parsed.indexes, testing::ElementsAre(0, 2));
  ASSERT_EQ(parsed.rejected.size(), 1u);
  EXPECT_EQ(parsed.rejected[0].index, 1u);
  const ParsedEvents array = Parse("[" + std::string(kGood) + ",{}]");
  EXPECT_EQ(array.events.size(), 1u);
  EXPECT_EQ(array.rejected[0].code, "missing_field");
}

TEST(EventJson, KeepsTheFirstHundredRejectionsAndCountsAll) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += "{}\n";
  for (const ParsedEvents& parsed : {Parse(lines, BodyFormat::kNdjson), Parse("[{}" + [] {
                                       std::string more;
                                       for (int i = 1; i < 5000; ++i) more += ",{}";
                                       return more;
                                     }() + "]")}) {
    EXPECT_EQ(parsed.rejected_count, 5000u);
    ASSERT_EQ(parsed.rejected.size(), 100u);
    EXPECT_EQ(parsed.rejected.back().index, 99u);
  }
  ParsedEvents one;
  one.Reject(0, "code", std::string(100'000, 'x'));
  EXPECT_EQ(one.rejected[0].message.size(), 500u);
}

TEST(EventJson, RefusesAnEventOverItsLimit) {
  std::string line(kGood);
  std::erase(line, '\n');
  line.insert(line.find("\"u\"") + 1, std::string(2 << 20, 'x'));
  EXPECT_EQ(Parse(line, BodyFormat::kNdjson).rejected[0].code, "too_large");
  EXPECT_EQ(Parse(line).rejected[0].code, "too_large");
  EXPECT_EQ(Parse("[" + line + "]").rejected[0].code, "too_large");
}

TEST(EventJson, SurvivesAnyBytes) {
  Rng rng(3);
  for (int i = 0; i < 5000; ++i) {
    std::string body(kGood);
    for (std::uint64_t n = 1 + rng.Below(5); n > 0; --n)
      body[rng.Below(body.size())] = static_cast<char>(rng.Below(256));
    const ParsedEvents parsed = Parse(body, rng.Chance(0.5) ? BodyFormat::kJson : BodyFormat::kNdjson);
    for (const Event& e : parsed.events) (void)EventToJson(e);
  }
}

TEST(InventedIds, EqualRowsOfOneInstantAreNumberedAndThoseOfAnotherAreNot) {
  InventedIds ids;
  const auto number = [&](std::int64_t arrival_ms, const std::string& id) {
    Event e{.id = id};
    ids.Number(arrival_ms, &e);
    return e.id;
  };
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::uint64_t row = 0; row < 1000; ++row) {
      const std::string id = InventedId(row);
      EXPECT_EQ(number(5, id), round == 0 ? id : id + "-" + std::to_string(round + 1));
    }
  }
  EXPECT_EQ(number(6, InventedId(7)), InventedId(7));
  EXPECT_EQ(number(6, InventedId(7)), InventedId(7) + "-2");
  EXPECT_EQ(number(6, "own"), "own");
  EXPECT_EQ(number(6, "own"), "own");
}

TEST(Trivago, MakesOfAClickoutARequestAnImpressionAndAClick) {
  const TestFolder folder;
  std::ofstream(folder / "t.csv")
      << "user_id,session_id,timestamp,step,action_type,reference,platform,city,device,current_filters,impressions,"
         "prices\n"
         "U,S,1541545200,1,search for destination,Rome,AU,\"Rome, Italy\",mobile,,,\n"
         "U,S,1541545210,2,interaction item image,11,AU,\"Rome, Italy\",mobile,,,\n"
         "U,S,1541545220,3,clickout item,12,AU,\"Rome, Italy\",mobile,Focus on Distance|Hotel,11|12|13,90|80|70\n"
         "U,S,1541545230,4,clickout item,12,AU,Rome,mobile,,11|12,90\n"
         "U,S,yesterday,5,clickout item,12,AU,Rome,mobile,,11|12,90|80\n"
         "broken\n";
  std::vector<Event> events;
  ImportReport report;
  const auto sink = [&](Event&& e) -> Status {
    events.push_back(std::move(e));
    return {};
  };
  ASSERT_TRUE(ImportTrivago(folder / "t.csv", {}, sink, &report).ok());
  EXPECT_EQ(report.rows, 6u);
  EXPECT_EQ(report.rejected, 3u);
  EXPECT_THAT(report.rejections[0], testing::HasSubstr("t.csv:5: 2 impressions but 1 prices"));
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].type, EventType::kSearch);
  EXPECT_EQ(events[1].type, EventType::kItemView);
  EXPECT_EQ(events[1].kind, "interaction item image");
  EXPECT_EQ(events[2].type, EventType::kFeedRequest);
  EXPECT_EQ(events[3].type, EventType::kFeedImpression);
  EXPECT_EQ(events[4].type, EventType::kFeedClick);
  EXPECT_EQ(events[2].items.size(), 3u);
  EXPECT_EQ(events[4].items[0].index, 1);
  EXPECT_EQ(events[4].items[0].price, 80);
  EXPECT_EQ(events[2].request_id, events[4].request_id);
}

}  // namespace
}  // namespace gfr

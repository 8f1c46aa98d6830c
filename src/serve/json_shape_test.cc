#include "serve/json_shape.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

using Input = nlohmann::json;

JsonShape OrderShape() {
  const JsonShape line = JsonShape::Object({{.name = "id", .shape = JsonShape::Text(4, 1), .required = true}}, true);
  JsonShape size = JsonShape::Text();
  size.valid = {"small", "large"};
  JsonShape order = JsonShape::Object(
      {{.name = "user", .shape = JsonShape::Text(8)},
       {.name = "session", .shape = JsonShape::Text(8)},
       {.name = "count", .shape = JsonShape::Whole(1, 9)},
       {.name = "gift", .shape = JsonShape::Boolean()},
       {.name = "size", .shape = size},
       {.name = "names", .shape = JsonShape::Map({}, 2, 3)},
       {.name = "lines", .shape = JsonShape::List(JsonShape::Either({JsonShape::Text(4), line}), 2, "a line")}},
      /*is_closed=*/true);
  order.one_of_these = {"user", "session"};
  return order;
}

std::string Wrong(const char* body) { return OrderShape().Check(Input::parse(body), "the order").value_or(""); }

TEST(JsonShapeTest, WhatMayStandThereIsTakenAndANullIsNotThere) {
  EXPECT_EQ(
      Wrong(R"({"user":"u","count":9,"gift":true,"size":"large","names":{"a":[1],"b":null},"lines":["a",{"id":"b"}]})"),
      "");
  EXPECT_EQ(Wrong(R"({"session":"s","count":null,"gift":null,"size":null,"names":null,"lines":null})"), "");
}

TEST(JsonShapeTest, TheFirstThingThatIsWrongIsNamedWithWhatIsValid) {
  EXPECT_EQ(Wrong("[]"), "the order is not an object");
  EXPECT_EQ(Wrong("{}"), "user or session is missing");
  EXPECT_EQ(Wrong(R"({"user":""})"), "user or session is missing");
  EXPECT_EQ(Wrong(R"({"user":1})"), "user is not a string");
  EXPECT_EQ(Wrong(R"({"user":"123456789"})"), "user is longer than 8 bytes");
  for (const char* count : {"0", "10", "1.5", "\"1\"", "true"})
    EXPECT_EQ(Wrong((std::string(R"({"user":"u","count":)") + count + "}").c_str()),
              "count is not a whole number from 1 to 9");
  EXPECT_EQ(Wrong(R"({"user":"u","gift":1})"), "gift is neither true nor false");
  EXPECT_EQ(Wrong(R"({"user":"u","size":"medium"})"), "size is 'medium'; valid are small, large");
  EXPECT_EQ(Wrong(R"({"user":"u","names":{"a":1,"b":1,"c":1}})"), "names has more than 2 names");
  EXPECT_EQ(Wrong(R"({"user":"u","names":{"long":1}})"), "names is longer than 3 bytes");
  EXPECT_EQ(Wrong(R"({"user":"u","lines":["a","b","c"]})"), "lines is not a list of at most 2");
  EXPECT_EQ(Wrong(R"({"user":"u","lines":["abcde"]})"), "a line is longer than 4 bytes");
  EXPECT_EQ(Wrong(R"({"user":"u","lines":[{}]})"), "a line has no id");
  EXPECT_EQ(Wrong(R"({"user":"u","lines":[{"id":""}]})"), "id is empty");
  EXPECT_EQ(Wrong(R"({"user":"u","lines":[7]})"), "a line is of a kind that is not valid here");
  EXPECT_EQ(Wrong(R"({"user":"u","sise":1,"x":2})"),
            "the order has unknown members: 'sise', 'x'; valid are user, session, count, gift, size, names, lines");
}

TEST(JsonShapeTest, TheSchemaSaysTheSame) {
  const auto schema = OrderShape().Schema();
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["anyOf"][1]["required"], Input::parse(R"(["session"])"));
  EXPECT_EQ(schema["properties"]["count"].dump(), R"({"type":["integer","null"],"minimum":1,"maximum":9})");
  EXPECT_EQ(schema["properties"]["size"].dump(), R"({"type":["string","null"],"enum":["small","large",null]})");
  EXPECT_EQ(schema["properties"]["lines"]["items"]["oneOf"][1].dump(),
            R"({"type":"object","properties":{"id":{"type":"string","minLength":1,"maxLength":4}},"required":["id"],)"
            R"("additionalProperties":false})");
}

}  // namespace
}  // namespace gfr

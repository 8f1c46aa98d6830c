#include "serve/feed_json.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace gfr {
namespace {

std::string Quoted(const std::vector<std::string>& ids, bool as_objects) {
  std::string text;
  for (const std::string& id : ids)
    text += (text.empty() ? "" : ",") + (as_objects ? "{\"item_id\":\"" + id + "\"}" : "\"" + id + "\"");
  return "[" + text + "]";
}

std::string Refusal(const std::string& body, std::size_t most = 10'000) {
  try {
    ParseFeedRequest(body, most);
    return "";
  } catch (const BadRequest& e) {
    return e.why;
  }
}

std::string TextOf(const std::vector<Property>& properties) {
  std::string text;
  for (const Property& p : properties) {
    text += p.name + "=" + p.text + "|" + std::to_string(p.number);
    for (const float x : p.vector) text += "," + std::to_string(x);
    text += ";";
  }
  return text;
}

void ExpectSame(const FeedRequest& a, const FeedRequest& b) {
  EXPECT_EQ(a.user_id, b.user_id);
  EXPECT_EQ(a.size, b.size);
  EXPECT_EQ(a.exclude, b.exclude);
  EXPECT_EQ(a.has_candidates, b.has_candidates);
  EXPECT_EQ(TextOf(a.context), TextOf(b.context));
  ASSERT_EQ(a.candidates.size(), b.candidates.size());
  for (std::size_t k = 0; k < a.candidates.size(); ++k) {
    EXPECT_EQ(a.candidates[k].item_id, b.candidates[k].item_id);
    EXPECT_EQ(TextOf(a.candidates[k].properties), TextOf(b.candidates[k].properties));
  }
}

// Ids alone are read by another parser than ids in objects.
TEST(FeedJsonTest, CandidatesByIdAloneAreThoseOfObjectsWithAnIdAlone) {
  Rng rng(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> ids;
    for (std::uint64_t k = rng.Below(40); k-- > 0;)
      ids.push_back((rng.Below(2) ? "i\\u00e9\\\"" : "item ") + std::to_string(k));
    const auto body = [&](bool as_objects) {
      return R"({"user_id":"u","size":7,"exclude":["a","b"],"context":{"whole":-5,"big":18446744073709551615,"x":0.1,)"
             R"("yes":true,"none":null,"vector":[1,2.5],"text":"t"},"candidates":)" +
             Quoted(ids, as_objects) + "}";
    };
    ExpectSame(ParseFeedRequest(body(false)), ParseFeedRequest(body(true)));
  }
}

TEST(FeedJsonTest, CandidatesByIdAloneAreRefusedAsOthersAre) {
  const std::string long_id(kMaxIdBytes + 1, 'x');
  const auto body = [](const std::vector<std::string>& ids) {
    return R"({"user_id":"u","candidates":)" + Quoted(ids, false) + "}";
  };
  EXPECT_EQ(Refusal(body({"a", "b"})), "");
  EXPECT_EQ(Refusal(body({"a", long_id})), "a candidate is longer than 1024 bytes");
  EXPECT_EQ(Refusal(body({"a", "b", "a"})), "candidates 0 and 2 are the same item, 'a'; valid is each item once");
  EXPECT_EQ(Refusal(body({"a", "b", "c"}), 2), "candidates is not a list of at most 2");
  EXPECT_EQ(Refusal(R"({"candidates":["a"]})"), "user_id or session_id is missing");
  EXPECT_EQ(Refusal(R"({"user_id":"u","candidates":["a"],"else":1})").substr(0, 41),
            "the request has unknown members: 'else'; ");
  EXPECT_NE(Refusal(R"({"user_id":"u","candidates":["a"]} x)"), "");
  EXPECT_NE(Refusal("{\"user_id\":\"u\",\"candidates\":[\"\xff\"]}"), "");
}

TEST(FeedJsonTest, OfAMemberThatStandsTwiceTheLastCounts) {
  EXPECT_EQ(ParseFeedRequest(R"({"user_id":"u","user_id":"v","candidates":["a"]})").user_id, "v");
  EXPECT_EQ(ParseFeedRequest(R"({"user_id":"v","candidates":["a"],"candidates":["b"]})").candidates.at(0).item_id, "b");
}

TEST(FeedJsonTest, AListOfCandidatesMayBeEmpty) {
  const FeedRequest request = ParseFeedRequest(R"({"user_id":"u","candidates":[]})");
  EXPECT_TRUE(request.has_candidates);
  EXPECT_TRUE(request.candidates.empty());
}

}  // namespace
}  // namespace gfr

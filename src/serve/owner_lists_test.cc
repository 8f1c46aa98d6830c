#include "serve/owner_lists.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/clock.h"
#include "retrieve/lists_codec.h"
#include "retrieve/sources.h"
#include "state/online_store.h"

namespace gfr {
namespace {

// Answers a call with the next of the answers; after them there is nobody.
class ListsCaller final : public HttpCaller {
 public:
  Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token&) override {
    paths.push_back(call.url.substr(call.url.find('/', 7)));
    asked_for.clear();
    for (const std::string& header : call.headers) {
      if (header.starts_with("If-None-Match: ")) asked_for = header.substr(15);
    }
    if (answers.empty()) return Error{ErrorCode::kUnavailable, "nobody"};
    HttpAnswer answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  std::deque<HttpAnswer> answers;
  std::vector<std::string> paths;
  std::string asked_for;
};

class OwnerListsTest : public testing::Test {
 protected:
  OwnerListsTest() {
    auto caller = std::make_unique<ListsCaller>();
    owner_ = caller.get();
    client_ = OwnerClient::Make("owner:1", std::move(caller)).value();
    lists_ = std::make_unique<OwnerLists>(*client_, features_->schema);
  }
  HttpAnswer Lists(std::int64_t epoch_end_ms, const std::string& tag) const {
    const CandidateLists lists(epoch_end_ms, std::vector<std::shared_ptr<const SourceLists>>(AllSources().size()), {});
    return {.status = 200,
            .body = EncodeLists(lists, store_.shared(), features_->schema).value(),
            .headers = {{"etag", tag}}};
  }
  Status Fetch() { return lists_->Fetch("Bearer t", {.stop = {}, .deadline_ms = MonotonicMs() + 60'000}); }
  std::int64_t EpochEnd() const { return lists_->Now().lists->epoch_end_ms(); }

  const std::shared_ptr<const FeatureSet> features_ = std::make_shared<const FeatureSet>();
  const OnlineStore store_{features_};
  ListsCaller* owner_;
  std::unique_ptr<OwnerClient> client_;
  std::unique_ptr<OwnerLists> lists_;
};

TEST_F(OwnerListsTest, KeepsTheListsThatCameLastUntilOthersCame) {
  EXPECT_EQ(lists_->Now().lists, nullptr);
  EXPECT_FALSE(lists_->Now().current);
  owner_->answers = {Lists(60'000, "\"a\""), {.status = 304}, Lists(120'000, "\"b\"")};
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(owner_->asked_for, "");
  EXPECT_EQ(EpochEnd(), 60'000);
  const auto before = lists_->Now().lists;
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(owner_->asked_for, "\"a\"");
  EXPECT_EQ(lists_->Now().lists, before);
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(EpochEnd(), 120'000);
  EXPECT_TRUE(lists_->Now().current);
}

TEST_F(OwnerListsTest, WhatItCannotUseLeavesTheLastListsWhichAreNotCurrentThen) {
  HttpAnswer torn = Lists(120'000, "\"b\"");
  torn.body.pop_back();
  owner_->answers = {Lists(60'000, "\"a\""), torn, {.status = 304}, {.status = 503}};
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(Fetch().error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(EpochEnd(), 60'000);
  EXPECT_FALSE(lists_->Now().current);
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(owner_->asked_for, "\"a\"") << "the tag is of the lists that are here";
  EXPECT_TRUE(lists_->Now().current);
  EXPECT_EQ(Fetch().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(lists_->Now().current);
}

TEST_F(OwnerListsTest, AnOwnerThatIsAwayLeavesThemCurrentAndIsFoundAgainByAShortCall) {
  owner_->answers = {Lists(60'000, "\"a\"")};
  ASSERT_TRUE(Fetch().ok());
  EXPECT_EQ(Fetch().error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(lists_->Now().current);
  while (Fetch().error().code == ErrorCode::kUnavailable && owner_->paths.size() < 3) WaitUntil(MonotonicMs() + 10);
  EXPECT_EQ(owner_->paths.back(), "/livez") << "a long call would keep all others from the owner";
  owner_->answers = {{.status = 200}, Lists(120'000, "\"b\"")};
  while (!Fetch().ok()) WaitUntil(MonotonicMs() + 10);
  EXPECT_EQ(EpochEnd(), 120'000);
}

}  // namespace
}  // namespace gfr

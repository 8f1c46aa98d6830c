#include "operations/send_events.h"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/test_folder.h"

namespace gfr {
namespace {

// A server that takes each line once, and refuses lines that begin with "bad".
class TakingCaller final : public HttpCaller {
 public:
  Result<HttpAnswer> Send(const HttpCall& call, const std::stop_token&) override {
    ++calls;
    headers = call.headers;
    url = call.url;
    if (!first.empty()) {
      auto answer = std::move(first.front());
      first.pop_front();
      return answer;
    }
    if (call.body.size() > limit) return HttpAnswer{.status = 413};
    nlohmann::ordered_json reply{{"accepted", 0}, {"duplicates", 0}, {"rejected", nlohmann::ordered_json::array()}};
    std::size_t index = 0, accepted = 0, duplicates = 0, rejected = 0;
    for (std::string_view rest = call.body; !rest.empty(); ++index) {
      const std::string line(rest.substr(0, rest.find('\n')));
      rest.remove_prefix(line.size() + 1);
      if (line.starts_with("bad")) {
        if (++rejected <= 100)
          reply["rejected"].push_back({{"index", index}, {"code", "server_only"}, {"message", line}});
      } else {
        ++(taken.insert(line).second ? accepted : duplicates);
      }
    }
    reply["accepted"] = accepted;
    reply["duplicates"] = duplicates;
    if (rejected > 100) reply["rejected_count"] = rejected;
    return HttpAnswer{
        .status = accepted + duplicates > 0 ? 202 : 400, .content_type = "application/json", .body = reply.dump()};
  }
  std::deque<Result<HttpAnswer>> first;  // Given before anything is taken.
  std::set<std::string> taken;
  std::vector<std::string> headers;
  std::string url;
  std::size_t limit = 1u << 20;
  int calls = 0;
};

class SendEventsTest : public testing::Test {
 protected:
  void Write(int from, int to, bool append = false) {
    std::ofstream out(file_, append ? std::ios::app : std::ios::trunc);
    for (int i = from; i < to; ++i) out << "line " << i << "\n";
  }
  Status Send(SendSettings settings = {}) {
    settings.file = file_;
    if (settings.url.empty()) settings.url = "http://127.0.0.1:8080";
    const SendObserver observer{.rejected = [this](const SentLine& l) { rejected_.push_back(l); },
                                .sent = [this](std::uint64_t lines) { sent_ = lines; }};
    return SendEvents(PosixFileSystem(), caller_, settings, observer, &report_, {}, [this](std::int64_t ms) {
      waits_.push_back(ms);
      return waits_.size() < 100;
    });
  }
  const TestFolder folder_;
  const std::string file_ = folder_ / "events.ndjson";
  TakingCaller caller_;
  SendReport report_;
  std::vector<SentLine> rejected_;
  std::vector<std::int64_t> waits_;
  std::uint64_t sent_ = 0;
};

TEST_F(SendEventsTest, SendsEachLineOnceInBatchesAndGoesOnWithWhatComesLater) {
  Write(0, 25);
  ASSERT_TRUE(Send({.token = "secret", .batch = 10}).ok());
  EXPECT_EQ(report_.accepted, 25u);
  EXPECT_EQ(report_.batches, 3u);
  EXPECT_EQ(sent_, 25u);
  EXPECT_EQ(caller_.url, "http://127.0.0.1:8080/v1/events");
  EXPECT_EQ(caller_.headers,
            (std::vector<std::string>{"Content-Type: application/x-ndjson", "Authorization: Bearer secret"}));

  Write(25, 30, /*append=*/true);
  caller_.calls = 0;
  ASSERT_TRUE(Send({.batch = 10}).ok());
  EXPECT_EQ(caller_.calls, 1);
  EXPECT_EQ(report_.skipped, 25u);
  EXPECT_EQ(report_.lines, 30u);
  EXPECT_EQ(report_.accepted, 5u);

  ASSERT_TRUE(Send({.again = true}).ok());
  EXPECT_EQ(report_.duplicates, 30u);
}

TEST_F(SendEventsTest, GoesOnAfterAnErrorWithTheBatchThatWasNotAnswered) {
  Write(0, 30);
  caller_.first.push_back(HttpAnswer{.status = 503, .headers = {{"retry-after", "7"}}});
  caller_.first.push_back(Error{ErrorCode::kUnavailable, "connection refused"});
  caller_.first.push_back(HttpAnswer{.status = 429});
  ASSERT_TRUE(Send({.batch = 10}).ok());
  EXPECT_EQ(report_.accepted, 30u);
  EXPECT_EQ(report_.retries, 3u);
  EXPECT_EQ(waits_, (std::vector<std::int64_t>{7000, 500, 1000})) << "Retry-After, then ever longer";

  Write(30, 50, /*append=*/true);
  for (int i = 0; i < 200; ++i) caller_.first.push_back(Error{ErrorCode::kUnavailable, "connection refused"});
  waits_.clear();
  const Status given_up = Send({.batch = 10, .patience_ms = 60'000});
  ASSERT_FALSE(given_up.ok());
  EXPECT_EQ(given_up.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(waits_.size(), 10u);
  caller_.first.clear();
  ASSERT_TRUE(Send({.batch = 10}).ok());
  EXPECT_EQ(report_.skipped, 30u);
  EXPECT_EQ(report_.accepted, 20u);
  EXPECT_EQ(report_.duplicates, 0u);
}

TEST_F(SendEventsTest, NamesEachRefusedLineAlsoWhereTheServerNamesTheFirstHundredOnly) {
  {
    std::ofstream out(file_);
    out << "good\n\n";
    for (int i = 0; i < 250; ++i) out << "bad " << i << "\n";
    out << "last\n";
  }
  ASSERT_TRUE(Send().ok());
  EXPECT_EQ(report_.accepted, 2u);
  EXPECT_EQ(report_.duplicates, 0u);
  EXPECT_EQ(report_.rejected, 250u);
  ASSERT_EQ(rejected_.size(), 250u);
  EXPECT_EQ(rejected_[0].line, 3u);
  EXPECT_EQ(rejected_[0].code, "server_only");
  EXPECT_EQ(rejected_[249].line, 252u);
  EXPECT_EQ(rejected_[249].message, "bad 249");
}

TEST_F(SendEventsTest, HalvesABatchThatIsTooLargeAndRefusesALineThatIs) {
  Write(0, 20);
  std::ofstream(file_, std::ios::app) << std::string(100, 'x') << "\n";
  caller_.limit = 50;
  ASSERT_TRUE(Send().ok());
  EXPECT_EQ(report_.accepted, 20u);
  EXPECT_EQ(report_.rejected, 1u);
  ASSERT_EQ(rejected_.size(), 1u);
  EXPECT_EQ(rejected_[0].line, 21u);
  EXPECT_EQ(rejected_[0].code, "too_large");
}

TEST_F(SendEventsTest, RefusesAnotherFileAnotherServerAndAServerThatRefusesTheCall) {
  Write(0, 20);
  ASSERT_TRUE(Send({.batch = 5}).ok());
  Write(1, 30);
  const Status changed = Send();
  ASSERT_FALSE(changed.ok());
  EXPECT_NE(changed.error().message.find("are not those that were sent"), std::string::npos);
  EXPECT_EQ(Send({.url = "https://other.example"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Send({.url = "other.example"}).error().code, ErrorCode::kInvalidArgument);

  caller_.first.push_back(HttpAnswer{.status = 401, .content_type = "application/problem+json", .body = "a token"});
  const Status refused = Send({.again = true});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("401: a token"), std::string::npos);
  EXPECT_TRUE(waits_.empty());
}

}  // namespace
}  // namespace gfr

// A reload changes what is served whole or not at all.
#include "serve/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <set>

#include "base/executor.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "feature/served_columns.h"
#include "log/local_log.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

constexpr char kAdded[] =
    "[[feature]]\nname = \"views_of_two_days\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"item.view\"]\n"
    "window = \"2d\"\n\n[[feature]]\nname = \"how_many\"\ntype = \"slate\"\nread = \"size\"\n\n";

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    EXPECT_TRUE(Project::Init(folder_ / "p", "shop").ok());
    toml_ = Text();
    access_ = Access::Open(PosixFileSystem(), {.tokens = {{"admin", kAdmin}}}).value();
    Start();
  }
  void Start() {
    service_.reset();
    project_ = Project::Open(folder_ / "p", ServeConfig::Reader(&config_)).value();
    config_.verify_ms = 0;
    config_.log_wait_ms = kHourMs;  // A feed's record is in the log when it is answered, however long a sync takes.
    service_ = Service::Open(*project_, config_, kClock, *access_).value();
  }
  std::string Text() { return PosixFileSystem().ReadAll(folder_ / "p/gfr.toml").value(); }
  void Write(const std::string& text) {
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder_ / "p/gfr.toml", text).ok());
  }
  // The template with `to` in the place of `from`.
  std::string With(const std::string& from, const std::string& to) const {
    std::string text = toml_;
    EXPECT_NE(text.find(from), std::string::npos) << from;
    return text.replace(text.find(from), from.size(), to);
  }
  std::string WithFeatures() const { return With("[[feature]]", std::string(kAdded) + "[[feature]]"); }
  HttpResponse Send(const std::string& method, const std::string& path, const std::string& body = "",
                    const std::string& token = kAdmin) {
    return Call(
        *service_,
        {.method = method,
         .path = path,
         .headers = {{"host", "localhost"}, {"content-type", "application/json"}, {"authorization", "Bearer " + token}},
         .body = body,
         .client = "127.0.0.1"});
  }
  // Waits for the job that a reload started; gives its last state.
  std::string Ended(const HttpResponse& started) {
    EXPECT_EQ(started.status, 202) << started.body;
    const std::string at = Json::parse(started.body)["at"];
    for (;;) {
      const Json job = Json::parse(Send("GET", at).body);
      if (job["state"] == "done" || job["state"] == "failed") return job["state"].get<std::string>();
      ::usleep(2000);
    }
  }
  Json FeedOf(const std::string& request_id, const std::string& more = "") {
    const HttpResponse feed = Send("POST", "/v1/feed",
                                   R"({"user_id":"u1","explain":true,"candidates":["i1","i2","i3","i4","i5","i6"],)" +
                                       std::string(R"("request_id":")") + request_id + "\"" + more + "}");
    EXPECT_EQ(feed.status, 200) << feed.body;
    return Json::parse(feed.body);
  }
  void View(const std::string& id, const std::string& user = "u1") {
    const HttpResponse taken =
        Send("POST", "/v1/events",
             R"({"specversion":"1.0","id":")" + id +
                 R"(","source":"t","type":"item.view","time":"2026-01-01T11:00:00Z","data":{"user_id":")" + user +
                 R"(","items":[{"item_id":"i1"}]}})");
    ASSERT_EQ(taken.status, 202) << taken.body;
  }

  const TestFolder folder_;
  ServeConfig config_;
  std::string toml_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<Service> service_;
};

TEST_F(ReloadTest, FeedsAreAnsweredWithTheNewConfigurationAtOnce) {
  EXPECT_EQ(FeedOf("a")["items"].size(), 6u);
  Write(With("size = 20", "size = 2"));
  EXPECT_EQ(FeedOf("b")["items"].size(), 6u) << "not before a reload";
  EXPECT_EQ(Send("POST", "/v1/reload", "", "").status, 401);
  const HttpResponse reloaded = Send("POST", "/v1/reload");
  EXPECT_EQ(reloaded.status, 200) << reloaded.body;
  EXPECT_EQ(FeedOf("c")["items"].size(), 2u);
}

TEST_F(ReloadTest, AFileWithAMistakeChangesNothingAndIsRefusedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> mistakes{{With("size = 20", "size = 0"), "size"},
                                                                  {With("[[feed]]", "[[feed\n"), "gfr.toml"},
                                                                  {With("size = 20", "sizes = 20"), "sizes"},
                                                                  {With("5 * pcvr", "5 * nothing"), "nothing"}};
  for (const auto& [text, why] : mistakes) {
    Write(text);
    const HttpResponse refused = Send("POST", "/v1/reload");
    EXPECT_EQ(refused.status, 409) << refused.body;
    EXPECT_THAT(refused.body, HasSubstr(why));
    EXPECT_EQ(FeedOf("after " + why)["items"].size(), 6u);
  }
}

TEST_F(ReloadTest, WhatOnlyAStartCanChangeIsRefusedByName) {
  for (const auto& [text, name] : std::vector<std::pair<std::string, std::string>>{
           {toml_ + "\n[store]\nmemory = \"1GiB\"\n", "[store] memory"},
           {toml_ + "\n[registry]\nlocation = \"data/other\"\n", "[registry] location"}}) {
    Write(text);
    const HttpResponse refused = Send("POST", "/v1/reload");
    EXPECT_EQ(refused.status, 409) << refused.body;
    EXPECT_THAT(refused.body, HasSubstr(name + " cannot change while the server runs"));
  }
}

TEST_F(ReloadTest, AStoreThatCannotBeReadRefusesOnlyWhatNeedsIt) {
  // A file lies where the folder of what is kept of units should be.
  ASSERT_TRUE(PosixFileSystem().MakeFolders(folder_ / "p/data/models").ok());
  ASSERT_TRUE(PublishFile(PosixFileSystem(), folder_ / "p/data/models/assignment", "no folder").ok());
  Write(With("size = 20", "size = 2"));
  EXPECT_EQ(Send("POST", "/v1/reload").status, 200);
  EXPECT_EQ(FeedOf("a")["items"].size(), 2u);
  Write(With("size = 20", "size = 3") + "[holdout]\n");
  const HttpResponse refused = Send("POST", "/v1/reload");
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(FeedOf("b")["items"].size(), 2u);
  EXPECT_EQ(FeedOf("c")["experiment"], Json::object());
}

TEST_F(ReloadTest, NewFeaturesAreFilledFromTheLogAndServedOnceTheyAreWhole) {
  for (int n = 0; n < 5; ++n) View("before" + std::to_string(n));
  const Json before = FeedOf("a")["items"][0]["features"];
  EXPECT_FALSE(before.contains("views_of_two_days"));
  Write(WithFeatures());
  const HttpResponse started = Send("POST", "/v1/reload");
  EXPECT_EQ(Json::parse(started.body)["filling"], Json({"views_of_two_days", "how_many"}));
  EXPECT_EQ(Ended(started), "done");
  View("after");
  const Json after = FeedOf("b")["items"][0]["features"];
  EXPECT_EQ(after["views_of_two_days"], 6);
  EXPECT_EQ(after["how_many"], 6);
  for (const auto& [name, value] : before.items()) EXPECT_TRUE(after.contains(name)) << name;
  // A restart finds the new states in the snapshot, and gives the same values.
  Start();
  EXPECT_EQ(FeedOf("d")["items"][0]["features"], after);
  Write(toml_);
  EXPECT_EQ(Ended(Send("POST", "/v1/reload")), "done") << "and back: the features go";
  EXPECT_FALSE(FeedOf("e")["items"][0]["features"].contains("how_many"));
}

TEST_F(ReloadTest, TwoHundredSwapsUnderLoadFailNoRequestAndEveryAnswerIsOfOneConfiguration) {
  // Of each configuration: its fingerprint in the record, how many items it shows, and how many columns it has.
  const std::string a = With("size = 20", "size = 2");
  std::string b = WithFeatures();
  b.replace(b.find("size = 20"), 9, "size = 5");
  const std::string c = With("size = 20", "size = 3");
  std::set<std::tuple<std::uint64_t, std::size_t, std::size_t>> whole;
  Write(a);
  ASSERT_EQ(Send("POST", "/v1/reload").status, 200);
  for (const auto& [text, size] : {std::pair(a, 2u), std::pair(b, 5u), std::pair(c, 3u)}) {
    Write(text);
    const auto project = Project::Open(folder_ / "p").value();
    whole.insert({project->configuration().fingerprint, size, project->features()->columns()});
  }
  ASSERT_EQ(whole.size(), 3u);

  std::atomic<bool> over = false;
  std::atomic<int> answered = 0, failed = 0;
  {
    Executor clients({.name = "client", .threads = 3});
    for (int thread = 0; thread < 3; ++thread) {
      ASSERT_TRUE(clients
                      .Post([&, thread] {
                        for (int n = 0; !over; ++n) {
                          const std::string id = std::to_string(thread) + "-" + std::to_string(n);
                          if (n % 4 == 0) View(id, "u" + std::to_string(thread));
                          const HttpResponse feed =
                              Send("POST", "/v1/feed",
                                   R"({"user_id":"u1","candidates":["i1","i2","i3","i4","i5","i6"],"request_id":"r)" +
                                       id + "\"}");
                          failed += feed.status != 200;
                          ++answered;
                        }
                      })
                      .ok());
    }
    int filled = 0;
    for (int swap = 0; swap < 200; ++swap) {
      Write(swap % 20 == 19 ? b : swap % 2 ? a : c);
      const HttpResponse reloaded = Send("POST", "/v1/reload");
      if (reloaded.status == 200) continue;
      EXPECT_EQ(Ended(reloaded), "done");
      ++filled;
    }
    EXPECT_EQ(filled, 19) << "to the features and back, each time";
    while (answered < 50) ::usleep(1000);
    over = true;
    clients.Drain();
  }
  EXPECT_EQ(failed, 0);
  LocalLog log(PosixFileSystem(), project_->log_folder());
  std::set<std::uint64_t> seen;
  int slates = 0;
  ASSERT_TRUE(ForEachRecord(log, kEveryType, [&](const LogRecord& record) -> Status {
                if (record.event.type != EventType::kFeedRequest) return {};
                const ServedSlate& slate = record.event.served;
                std::size_t shown = 0;
                for (const EventItem& item : record.event.items) shown += item.index >= 0;
                EXPECT_TRUE(whole.contains({slate.configuration, shown, slate.columns.size()}))
                    << record.event.request_id << " shows " << shown << " items, of " << slate.columns.size();
                seen.insert(slate.configuration);
                ++slates;
                return {};
              }).ok());
  EXPECT_EQ(slates, answered);
  EXPECT_GE(seen.size(), 2u);
}

}  // namespace
}  // namespace gfr

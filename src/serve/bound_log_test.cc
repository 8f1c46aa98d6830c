// What bounds a server's log: compaction and retention as jobs beside the requests.
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/rewrite_lock.h"
#include "serve/access.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

constexpr char kBoundedToml[] = R"(
[serve]
verify = "0s"
[log]
keep = "20d"
train_range = "1d"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[objective]]
name = "pctr"
population = "feed.impression"
label = "feed.click"
window = "30m"
)";

TEST(BoundLogTest, OldSegmentsGoBesideAServerAndNotWhileABackupHasTheLog) {
  const TestFolder folder;
  FileSystem& fs = PosixFileSystem();
  const Workspace workspace(folder / "p");
  ASSERT_TRUE(fs.MakeFolders(workspace.log_folder()).ok());
  ASSERT_TRUE(PublishFile(fs, workspace.configuration_path(), kBoundedToml).ok());
  const std::int64_t end_ms = ParseTime(std::string(kClock).substr(6)).value();
  for (int day = 60; day >= 0; day -= 10) {  // A closed segment each.
    std::vector<Event> events;
    for (int n = 0; n < 50; ++n) {
      Event e{.id = std::to_string(day) + "-" + std::to_string(n), .source = "t", .type = EventType::kFeedClick};
      e.time_ms = end_ms - day * kDayMs - kHourMs + n;
      e.user_id = "u";
      e.items = {{.item_id = "i"}};
      events.push_back(std::move(e));
    }
    const FixedClock clock(end_ms);
    std::uint64_t duplicates = 0;
    const auto log = EventLog::Open(fs, clock, {.folder = workspace.log_folder()}).value();
    ASSERT_TRUE(log->AppendImported(
                       std::move(events), [](std::uint64_t) {}, &duplicates)
                    .ok());
  }
  LocalLog log(fs, workspace.log_folder());
  const std::size_t before = log.Segments().value().size();
  ServeConfig config;
  const auto project = Project::Open(workspace, ServeConfig::Reader(&config));
  ASSERT_TRUE(project.ok()) << project.error().ToString();
  config.bound_log_ms = 20;
  const auto access = Access::Open(fs, {.tokens = {{"admin", kAdmin}}}).value();
  auto backup = LockRewriting(log);  // As a backup holds it.
  ASSERT_TRUE(backup.ok());
  const auto service = Service::Open(*project.value(), config, kClock, *access).value();
  const auto get = [&](const std::string& path) {
    return Call(*service, {.method = "GET", .path = path, .headers = {{"host", "localhost"}}, .client = "127.0.0.1"});
  };
  while (get("/v1/status").body.find("another process is rewriting the log") == std::string::npos)
    WaitUntil(MonotonicMs() + 5);
  EXPECT_EQ(log.Segments().value().size(), before) << "nothing goes while the backup runs";
  backup.value().reset();
  while (log.Begin().value()[0] == 0) WaitUntil(MonotonicMs() + 5);
  while (log.Segments().value().size() >= before) WaitUntil(MonotonicMs() + 5);
  LogRecord first;
  const auto reader = log.Open(log.Begin().value()).value();
  ASSERT_TRUE(reader->More(&first).value());
  EXPECT_GT(first.arrival_ms, end_ms - 40 * kDayMs);
  EXPECT_LE(first.arrival_ms, end_ms - 20 * kDayMs) << "all that is to be kept is there";
  EXPECT_EQ(get("/readyz").status, 200);
}

}  // namespace
}  // namespace gfr

// Bits that flip on the disk, anywhere in what a server keeps: log, snapshot, slates, registry and model files. Each is
// noticed (the start is refused, or a line of the program's log or /readyz says so) or harmless; never does the server
// give other answers in silence. 200 flips; 2,000 with GFR_TEST_ALL=1.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/fault_file_system.h"
#include "base/rng.h"
#include "base/time.h"
#include "log/event_log.h"
#include "log/local_log.h"
#include "model/forest.h"
#include "model/model.h"
#include "operations/load_model.h"
#include "registry/registry.h"
#include "runtime/logger.h"
#include "serve/access.h"
#include "serve/service.h"
#include "serve/test_service.h"

namespace gfr {
namespace {

constexpr char kFlipFolder[] = "p";
constexpr char kFlipToml[] = R"(
[serve]
verify = "0s"
log_wait = "1h"
[log]
full_share = 0.5
[item]
category = "category"
[[feature]]
name = "user_clicks"
type = "count"
scope = "user"
events = ["feed.click"]
[[feature]]
name = "item_clicks"
type = "count"
scope = "item"
events = ["feed.click"]
[[feature]]
name = "price"
type = "property"
property = "price"
[[objective]]
name = "pctr"
)";

using FileContents = std::map<std::string, std::string>;

FileContents ReadDisk(FaultFileSystem& disk, const std::string& folder) {
  FileContents files;
  for (const std::string& name : disk.List(folder).value()) {
    const std::string path = JoinPath(folder, name);
    if (disk.Exists(path))
      files[path] = disk.ReadAll(path).value();
    else
      files.merge(ReadDisk(disk, path));
  }
  return files;
}

void WriteDisk(const FileContents& files, FaultFileSystem* disk) {
  for (const auto& [path, content] : files) ASSERT_TRUE(PublishFile(*disk, path, content).ok());
}

class BitFlipsTest : public testing::Test {
 protected:
  static constexpr std::int64_t kNowMs = 1'767'268'800'000;  // As kClock.

  static Event Click(int n) {
    Event e{
        .id = "e" + std::to_string(n), .source = "t", .type = n % 3 ? EventType::kFeedClick : EventType::kItemUpdate};
    e.time_ms = kNowMs - kDayMs + n * kMinuteMs;
    if (n % 3) e.user_id = "u" + std::to_string(n % 5);
    e.items = {{.item_id = "i" + std::to_string(n % 7)}};
    if (n % 3 == 0) e.items[0].price = n;
    return e;
  }

  // Closed and open segments, a snapshot, slates and a champion.
  FileContents MakeDisk() {
    FaultFileSystem disk(1);
    const FixedClock clock(kNowMs);
    const Workspace workspace(kFlipFolder, disk, clock);
    EXPECT_TRUE(PublishFile(disk, workspace.configuration_path(), kFlipToml).ok());
    std::vector<Event> events;
    for (int n = 0; n < 120; ++n) events.push_back(Click(n));
    std::uint64_t duplicates = 0;
    EXPECT_TRUE(EventLog::Open(disk, clock, {.folder = workspace.log_folder()})
                    .value()
                    ->AppendImported(
                        events, [](std::uint64_t) {}, &duplicates)
                    .ok());
    RegisterChampion(disk, clock);
    for (int life = 0; life < 2; ++life) {  // The second one reads the first one's snapshot.
      const auto asked = Ask(disk, "life" + std::to_string(life));
      EXPECT_TRUE(asked.ok()) << asked.error().ToString();
    }
    return ReadDisk(disk, kFlipFolder);
  }

  // LightGBM's text of a stump a column.
  static std::string StumpsText(std::size_t columns) {
    std::string names, infos, trees;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string n = std::to_string(c);
      names += (c > 0 ? " c" : "c") + n;
      infos += c > 0 ? " [0:100]" : "[0:100]";
      trees += "Tree=" + n + "\nnum_leaves=2\nnum_cat=0\nsplit_feature=" + n +
               "\nsplit_gain=1\nthreshold=" + std::to_string(c == 2 ? 30 : 5) +
               "\ndecision_type=2\nleft_child=-1\nright_child=-2\nleaf_value=-0.5 0." + std::to_string(2 + c) +
               "\nleaf_weight=1 1\nleaf_count=1 1\ninternal_value=1\ninternal_weight=2\ninternal_count=2\n"
               "is_linear=0\nshrinkage=1\n\n\n";
    }
    return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=" +
           std::to_string(columns - 1) + "\nobjective=binary sigmoid:1\nfeature_names=" + names +
           "\nfeature_infos=" + infos + "\n\n" + trees + "end of trees\n";
  }

  static void RegisterChampion(FaultFileSystem& disk, const Clock& clock) {
    ServeConfig config;
    const auto project = Project::Open(Workspace(kFlipFolder, disk, clock), ServeConfig::Reader(&config)).value();
    const FeatureSet& features = *project->features();
    Model model{.name = kModelName, .version = "1", .feature_fingerprint = features.fingerprint};
    for (const BoundFeature& f : features.features) {
      model.columns.push_back(f.view->spec().name);
      model.column_fingerprints.push_back(f.view->spec().fingerprint);
      model.categorical.push_back(f.view->spec().categorical);
    }
    model.categories.resize(model.columns.size());
    const std::string text = StumpsText(model.columns.size());
    const auto forest = ParseLightgbm(text);
    ASSERT_TRUE(forest.ok()) << forest.error().ToString();
    model.objectives.push_back({.name = "pctr", .forest = forest.value(), .forest_bytes = text});
    Registry registry(disk, clock, project->workspace().models_folder());
    EXPECT_TRUE(registry.Register(kModelName, ModelToFiles(model)).ok());
    EXPECT_TRUE(registry.Promote(kModelName, "1").ok());
  }

  static HttpResponse Send(Service& service, const std::string& method, const std::string& path,
                           const std::string& body = "", const std::string& query = "") {
    return Call(service, {.method = method,
                          .path = path,
                          .query = query,
                          .headers = {{"host", "localhost"},
                                      {"content-type", "application/json"},
                                      {"authorization", std::string("Bearer ") + kAdmin}},
                          .body = body,
                          .client = "127.0.0.1"});
  }

  // One life of a server: everything that it answers. An error: it does not start.
  static Result<std::string> Ask(FaultFileSystem& disk, const std::string& life) {
    const FixedClock clock(kNowMs);
    ServeConfig config;
    GFR_ASSIGN(const auto project, Project::Open(Workspace(kFlipFolder, disk, clock), ServeConfig::Reader(&config)));
    config.compute_threads = config.blocking_threads = 1;
    GFR_ASSIGN(const auto access, Access::Open(disk, {.tokens = {{"admin", kAdmin}}}));
    GFR_ASSIGN(const auto service, Service::Open(*project, config, kClock, *access));
    std::string said;
    const auto hear = [&said](const HttpResponse& response) {
      said += std::to_string(response.status) + " " + response.body + "\n";
    };
    hear(Send(*service, "GET", "/readyz"));
    for (int user = 0; user < 5; ++user) {
      hear(Send(*service, "POST", "/v1/feed",
                R"({"user_id":"u)" + std::to_string(user) + R"(","request_id":")" + life + "-" + std::to_string(user) +
                    R"(","candidates":["i0","i1","i2","i3","i4","i5","i6"]})",
                "explain=true"));
    }
    for (int user = 0; user < 5; ++user) hear(Send(*service, "GET", "/v1/explain/life0-" + std::to_string(user)));
    LocalLog log(disk, project->log_folder());
    GFR_TRY(ForEachRecord(log, kEveryType, [&](const LogRecord& record) {
      said += record.event.id + " " + std::to_string(record.arrival_ms) + "\n";
      return Status();
    }));
    return said;
  }
};

TEST_F(BitFlipsTest, AreNoticedOrHarmless) {
  const FileContents good = MakeDisk();
  std::vector<std::string> paths;
  for (const auto& [path, content] : good) {
    if (path.starts_with("p/data/") && !content.empty()) paths.push_back(path);
  }
  ASSERT_GE(paths.size(), 6u) << "segments, snapshot, a model's files, its manifest and its alias";
  const auto ask = [&](const FileContents& files, std::string* lines) {
    FaultFileSystem disk(1);
    WriteDisk(files, &disk);
    const LogCapture capture;
    auto said = Ask(disk, "life2");
    *lines = capture.text();
    return said;
  };
  std::string lines;
  const auto reference = ask(good, &lines);
  ASSERT_TRUE(reference.ok()) << reference.error().ToString();
  ASSERT_EQ(lines.find("warning"), std::string::npos) << lines;
  ASSERT_NE(reference.value().find("\"version\":\"1\""), std::string::npos) << reference.value();
  ASSERT_EQ(reference.value().find("degraded\":[\""), std::string::npos) << reference.value();
  Rng rng(1);
  const int flips = std::getenv("GFR_TEST_ALL") != nullptr ? 2000 : 200;
  int refused = 0, told = 0, harmless = 0;
  for (int n = 0; n < flips; ++n) {
    FileContents files = good;
    const std::string& path = paths[rng.Below(paths.size())];
    std::string& content = files[path];
    const std::size_t at = rng.Below(content.size());
    const int bit = static_cast<int>(rng.Below(8));
    content[at] = static_cast<char>(content[at] ^ (1 << bit));
    const auto said = ask(files, &lines);
    const bool is_told = lines.find("warning") != std::string::npos || lines.find("error") != std::string::npos ||
                         (said.ok() && said.value().find("\"degraded\",") != std::string::npos);
    if (!said.ok()) {
      ++refused;
    } else if (said.value() == reference.value()) {
      ++harmless;
    } else {
      ++told;
      EXPECT_TRUE(is_told) << "bit " << bit << " of byte " << at << " of " << path << " (" << content.size()
                           << " bytes) changes answers in silence:\n"
                           << said.value().substr(0, 3000) << "\ninstead of\n"
                           << reference.value().substr(0, 3000);
    }
  }
  EXPECT_GT(refused + told, flips / 4) << "the flips hit nothing that matters";
  std::printf("%d flips: %d refused, %d told, %d harmless\n", flips, refused, told, harmless);
}

}  // namespace
}  // namespace gfr

// What the second night's training data costs: a log of 30 days is replayed and kept, a day comes, and the rows are
// made once more, from what is kept and from nothing. Prints processor time of both, and of the former in days' shares
// of the latter; exits with 1 where the rows differ.
//
// --tiny (in CTest): 8 days of 2,000 events.
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/cpu_time.h"
#include "base/test_folder.h"
#include "dataset/kept_rows.h"
#include "dataset/row_builder.h"
#include "log/event_log.h"
#include "support/invented_shop.h"

namespace gfr {
namespace {

constexpr const char* kFeatures[] = {
    "name = \"%s_c7\"\ntype = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = "
    "[\"feed.impression\"]\nwindow = \"7d\"\ntiles = 8\n",
    "name = \"%s_u1\"\ntype = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\nwindow = \"1d\"\ntiles = 8\n",
    "name = \"%s_tc\"\ntype = \"taste\"\nscope = \"user\"\nproperty = \"category\"\nhalf_life = \"7d\"\ncapacity = "
    "8\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\n",
    "name = \"%s_in\"\ntype = \"interaction\"\nread = \"count\"\nscope = \"user\"\nevents = [\"feed.click\", "
    "\"item.view\"]\n",
    "name = \"%s_lx\"\ntype = \"count\"\nscope = \"last x item\"\nevents = [\"feed.click\"]\n",
    "name = \"%s_ic\"\ntype = \"count\"\nscope = \"item.category\"\nevents = [\"feed.click\"]\n"};

// As many columns as the shop template has, about.
std::shared_ptr<const FeatureSet> Features() {
  std::string text = "[item]\ncategory = \"category\"\nbrand = \"category\"\nrating = \"number\"\n";
  for (int copy = 0; copy < 8; ++copy) {
    for (const char* feature : kFeatures) {
      char named[512];
      std::snprintf(named, sizeof named, feature, ("f" + std::to_string(copy)).c_str());
      std::string one = named;
      // Each a state of its own: windows differ.
      if (const auto at = one.find("7d"); at != std::string::npos) one[at] = static_cast<char>('2' + copy);
      text += "[[feature]]\n" + one;
    }
  }
  auto config = Config::Parse(text, "second_night.toml");
  auto made = FeatureSet::Make(config.value());
  if (!made.ok()) std::fprintf(stderr, "second_night: %s\n", made.error().ToString().c_str());
  return std::move(made).value();
}

// Makes nothing of rows but a checksum.
class Checksum final : public RowSink {
 public:
  void Row(std::size_t objective, const RowPlace& place, bool label, std::span<const float> features) override {
    ++rows;
    Add(objective + place.offset * 4 + place.line * 2 + label, features);
  }
  void Slate(SlateRow slate, std::span<const float> features) override { Add(slate.offset, features); }
  std::uint64_t rows = 0, sum = 0;

 private:
  void Add(std::uint64_t what, std::span<const float> features) {
    sum = Hash64(features.data(), features.size_bytes(), sum ^ what);
  }
};

struct Night {
  double cpu_s = 0;
  std::uint64_t rows = 0, sum = 0, records = 0;
};

Night Replay(const std::string& folder, const std::shared_ptr<const FeatureSet>& features, KeptRows* kept) {
  const std::vector<ObjectiveConfig> objectives{
      {.name = "pctr"},
      {.name = "pcvr", .population = EventType::kFeedClick, .label = EventType::kPurchase, .window_ms = kShopHourMs}};
  LocalLog log(PosixFileSystem(), folder + "/log");
  Checksum sink;
  const double before_s = ProcessCpuSeconds();
  const auto about = BuildRows(PosixFileSystem(), log, features, objectives,
                               {.partitions = 1, .leave_out = {.robots = true}, .kept = kept}, sink);
  if (!about.ok()) {
    std::fprintf(stderr, "second_night: %s\n", about.error().message.c_str());
    std::exit(1);
  }
  return {ProcessCpuSeconds() - before_s, sink.rows, sink.sum, about.value().records};
}

int Run(std::int64_t days, std::uint64_t events_a_day, int rounds) {
  const TestFolder folder;
  const WallClock clock;
  const auto features = Features();
  const auto kept_rows = [&] { return KeptRows(PosixFileSystem(), folder / "log", folder / "rows"); };
  Night first;
  {
    const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = folder / "log"}).value();
    ShopLog shop(*log, events_a_day, events_a_day / 3, 2000, 7);
    if (!shop.AddHours(days * 24).ok()) return 1;
    KeptRows kept = kept_rows();
    first = Replay(folder.path(), features, &kept);
    if (!shop.AddHours(24).ok() || !shop.Finish().ok()) return 1;
  }
  std::uint64_t log_bytes = LocalLog(PosixFileSystem(), folder / "log").SizeBytes().value();
  std::printf("first night: %llu events, %llu rows of %zu columns, %.2f s of CPU; kept %.1f MiB of a log of %.1f MiB\n",
              static_cast<unsigned long long>(first.records), static_cast<unsigned long long>(first.rows),
              features->columns(), first.cpu_s,
              static_cast<double>(MeasureKeptRows(PosixFileSystem(), folder / "rows").bytes) / (1 << 20),
              static_cast<double>(log_bytes) / (1 << 20));
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::remove_all(folder / "first");
    std::filesystem::copy(folder / "rows", folder / "first");
    KeptRows kept(PosixFileSystem(), folder / "log", folder / "first");
    const Night second = Replay(folder.path(), features, &kept), full = Replay(folder.path(), features, nullptr);
    std::printf("second night: %llu events, %.2f s of CPU; all again: %.2f s, a day's share %.3f s: %.2f days\n",
                static_cast<unsigned long long>(second.records), second.cpu_s, full.cpu_s,
                full.cpu_s / static_cast<double>(days + 1), second.cpu_s / full.cpu_s * static_cast<double>(days + 1));
    if (second.sum != full.sum || second.rows != full.rows || !kept.usable()) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  const bool tiny = argc > 1 && std::strcmp(argv[1], "--tiny") == 0;
  const auto number = [&](int i, std::uint64_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  if (tiny) return gfr::Run(8, 2000, 1);
  return gfr::Run(static_cast<std::int64_t>(number(1, 30)), number(2, 30000), static_cast<int>(number(3, 3)));
}

// Does [feed.swap] find the position bias of the simulated market? Users of the market visit a server whose pairs of
// neighbours are put in order by a coin, in this process; then `gfr evaluate --position-bias` judges what they did.
//
//   swap_curve [--feeds N] [--tiny]
//
// The server ranks by its model, so that its better items stand first: what a model that does not know everything makes
// of that is beside what the pairs say. All events are simulated. Exit code 1: the truth is outside the pairs'
// interval, or (whole) the exponent is off by more than a tenth.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/test_folder.h"
#include "event/event_json.h"
#include "operations/evaluate_version.h"
#include "operations/simulate_events.h"
#include "operations/train_version.h"
#include "project/project.h"
#include "project/templates.h"
#include "serve/service.h"

namespace gfr {
namespace {

using Json = nlohmann::json;

constexpr double kTrueExponent = 0.5;

void Replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) {
    std::fprintf(stderr, "the shop template has no '%s'\n", from.c_str());
    std::exit(1);
  }
  text.replace(at, from.size(), to);
}

template <class T>
T OrExit(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
  std::exit(1);
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.error().ToString().c_str());
  std::exit(1);
}

// The template with every pair of every request in order by a coin, few candidates, and no refit.
std::string SwappingShop() {
  std::string toml = OrExit(TemplateText("shop"));
  Replace(toml, "refit = true", "refit = false");
  Replace(toml, "folds = 4", "folds = 0");
  Replace(toml, "quota = 60", "quota = 16");
  Replace(toml, "quota = 30", "quota = 8");
  Replace(toml, "quota = 10", "quota = 4");
  Replace(toml, "quota = 10", "quota = 4");
  Replace(toml, "[[channel]]", "[feed.swap]\nshare = 1\n\n[[channel]]");
  return toml;
}

Json Post(Service& service, const std::string& path, const std::string& body, int expected) {
  const HttpResponse response =
      Call(service, {.method = "POST", .path = path, .headers = {{"content-type", "application/json"}}, .body = body});
  if (response.status == expected) return Json::parse(response.body);
  std::fprintf(stderr, "%s answered %d: %s\n", path.c_str(), response.status, response.body.c_str());
  std::exit(1);
}

// `feeds` visits, all at one instant.
void Visit(const Project& project, Market& market, std::int64_t from_ms, int feeds) {
  const ServeConfig config;
  const auto access = OrExit(Access::Open(PosixFileSystem(), {.folder = project.workspace().Resolve("data/tokens")}));
  auto service = OrExit(Service::Open(project, config, "fixed:" + FormatTime(from_ms), *access));
  for (int i = 0; i < feeds; ++i) {
    const auto visit = market.Arrive(from_ms);
    Json request{{"request_id", "live-" + std::to_string(i)},
                 {"user_id", visit.user_id},
                 {"session_id", visit.session_id},
                 {"surface", "home"}};
    for (const Property& p : visit.context) request["context"][p.name] = p.text;
    const Json feed = Post(*service, "/v1/feed", request.dump(), 200);
    std::vector<std::string> slate;
    for (const Json& item : feed["items"]) slate.push_back(item["item_id"]);
    std::string body = "[";
    for (Event& e : market.React(visit, feed["request_id"], slate, from_ms)) {
      e.time_ms = from_ms;
      body += (body.size() > 1 ? "," : "") + EventToJson(e);
    }
    Post(*service, "/v1/events", body + "]", 202);
    if (i % 10000 == 9999) std::fprintf(stderr, "%d feeds\n", i + 1);
  }
}

void Print(const char* what, const PositionBias& bias) {
  const Interval& i = bias.exponent.interval;
  double off = 0;
  for (const PositionBias::Place& p : bias.places)
    off = std::max(off, std::fabs(p.examined.value * std::pow(1.0 + p.position, kTrueExponent) - 1));
  std::printf("%-28s exponent %.4f [%.4f, %.4f]; %zu places, the farthest off by %.1f %%\n", what, bias.exponent.value,
              i.low, i.high, bias.places.size(), 100 * off);
}

int Run(int feeds, bool tiny) {
  const TestFolder folder;
  const std::string path = folder.path() + "/p";
  Check(Project::Init(path, "shop"));
  Check(PublishFile(PosixFileSystem(), path + "/gfr.toml", SwappingShop()));
  auto project = OrExit(Project::Open(path));
  MarketConfig config{.users = tiny ? 300 : 1500, .items = 200, .days = 42, .position_bias = kTrueExponent};
  OrExit(SimulateEvents(project->workspace(), config));
  OrExit(TrainVersion(project->workspace(), project->train_settings()));
  Market market(config);
  market.Reseed(99);
  Visit(*project, market, market.end_ms(), feeds);
  // By then the rows served are mature.
  const std::string later = folder.path() + "/later.ndjson";
  const Event open{.id = "later",
                   .source = "t",
                   .type = EventType::kAppOpen,
                   .time_ms = market.end_ms() + 2 * kDayMs,
                   .user_id = "later"};
  Check(PublishFile(PosixFileSystem(), later, EventToJson(open) + "\n"));
  OrExit(ImportEvents(project->workspace(), {.inputs = {{.format = "ndjson", .file = later}}}));
  const EvaluationReport report =
      OrExit(EvaluateVersion(project->workspace(), project->evaluate_settings(),
                             {.version = "1", .from_ms = market.end_ms() - kHourMs, .position_bias = true}));
  const ObjectiveReport& pctr = report.objectives[0];
  std::printf("%d feeds, %llu impressions, %llu clicks (simulated); true exponent %.2f\n", feeds,
              static_cast<unsigned long long>(pctr.metrics.rows),
              static_cast<unsigned long long>(pctr.metrics.positives), kTrueExponent);
  Print("by the model's probabilities", pctr.position_bias);
  Print("by pairs in order by a coin", pctr.swapped_bias);
  const Estimate& found = pctr.swapped_bias.exponent;
  const bool held = found.interval.low <= kTrueExponent && kTrueExponent <= found.interval.high;
  const bool near = tiny || std::fabs(found.value / kTrueExponent - 1) <= 0.1;
  if (pctr.swapped_bias.places.empty() || !held || !near) std::printf("NOT FOUND\n");
  return !pctr.swapped_bias.places.empty() && held && near ? 0 : 1;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  int feeds = 100000;
  bool tiny = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--tiny") == 0) tiny = true;
    if (std::strcmp(argv[i], "--feeds") == 0 && i + 1 < argc) feeds = std::atoi(argv[++i]);
  }
  return gfr::Run(tiny ? 1500 : feeds, tiny);
}

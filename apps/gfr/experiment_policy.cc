// experiment policy: what a feed would have earned had it drawn otherwise, from the log.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_number.h"
#include "commands.h"
#include "log/local_log.h"
#include "operations/judge_policy.h"

namespace gfr {
namespace {

struct PolicyFlags {
  Common common;
  std::string target, feed;
  double temperature = std::numeric_limits<double>::infinity(), window_hours = 24;
};

const FeedConfig* FindFeed(const Feeds& feeds, const std::string& name) {
  const auto at = name.empty() ? feeds.all.begin() : std::ranges::find(feeds.all, name, &FeedConfig::name);
  return at == feeds.all.end() ? nullptr : &*at;
}

Json EstimateOf(const Estimate& e) {
  return {{"value", JsonNumber(e.value)}, {"interval", {JsonNumber(e.interval.low), JsonNumber(e.interval.high)}}};
}

Json PolicyJson(const std::string& feed, const JudgedPolicy& judged) {
  const OffPolicyReport& r = judged.report;
  return {{"feed", feed},
          {"slates", r.rows},
          {"drawn", judged.drawn},
          {"users", r.users},
          {"left_out",
           {{"other_configuration", judged.other_configuration},
            {"in_experiments", judged.in_experiments},
            {"without_scores", judged.without_scores},
            {"young", judged.young}}},
          {"logged", EstimateOf(r.logged)},
          {"ipw", EstimateOf(r.ipw)},
          {"snipw", EstimateOf(r.snipw)},
          {"clipped", EstimateOf(r.clipped)},
          {"doubly_robust", EstimateOf(r.doubly_robust)},
          {"mean_weight", EstimateOf(r.mean_weight)},
          {"effective_sample", r.effective_sample},
          {"largest_weight", r.largest_weight},
          {"evidence", r.evidence()},
          {"refusals", r.refusals}};
}

int RunPolicy(const PolicyFlags& flags) {
  const auto project = OpenProject(flags.common.project);
  if (!project.ok()) return Fail(project.error());
  const Configuration& configuration = project.value()->configuration();
  const auto text = project.value()->workspace().fs().ReadAll(flags.target);
  if (!text.ok()) return Fail(text.error());
  auto file = Config::Parse(text.value(), flags.target);
  if (!file.ok()) return Fail(file.error());
  const auto other = Configuration::Read(file.value());
  if (!other.ok()) return Fail(other.error());
  const FeedConfig* const logged = FindFeed(configuration.feeds, flags.feed);
  const FeedConfig* const target = logged ? FindFeed(other.value()->feeds, logged->name) : nullptr;
  if (target == nullptr)
    return Fail({ErrorCode::kInvalidArgument,
                 "'" + flags.feed + "' is no [[feed]] of both " + project.value()->folder() + " and " + flags.target});
  LocalLog log(project.value()->workspace().fs(), project.value()->log_folder());
  const auto judged =
      JudgePolicy(log, *logged, *target,
                  {.window_ms = static_cast<std::int64_t>(flags.window_hours * static_cast<double>(kHourMs)),
                   .temperature = flags.temperature,
                   .configuration = configuration.fingerprint},
                  configuration.dataset.leave_out, project.value()->features()->schema.alias);
  if (!judged.ok()) return Fail(judged.error());
  const OffPolicyReport& r = judged.value().report;
  if (flags.common.json) {
    PrintJson(PolicyJson(logged->name, judged.value()));
    return 0;
  }
  fmt::print("{} slates of {} users, {} with a draw\n", r.rows, r.users, judged.value().drawn);
  if (r.rows > 0)
    fmt::print("clicks a slate: {:.5f} [{:.5f}, {:.5f}] as logged, {:.5f} [{:.5f}, {:.5f}] by the target\n",
               r.logged.value, r.logged.interval.low, r.logged.interval.high, r.doubly_robust.value,
               r.doubly_robust.interval.low, r.doubly_robust.interval.high);
  for (const std::string& refusal : r.refusals) fmt::print("no evidence, canary only: {}\n", refusal);
  return 0;
}

}  // namespace

void AddExperimentPolicy(CLI::App& experiment, Command& run) {
  static PolicyFlags flags;
  CLI::App* c = AddCommand(experiment, "policy", "What a feed would have earned had it drawn otherwise, from the log",
                           "gfr experiment policy other.toml --project demo", flags.common);
  c->add_option("FILE", flags.target, "The other gfr.toml: another explore_rate or value of the feed")->required();
  c->add_option("--feed", flags.feed, "Its name; the first one when left out");
  c->add_option("--temperature", flags.temperature,
                "Draws are in proportion to exp(value / temperature), 0 takes the best; all alike when left out")
      ->check(CLI::Range(0.0, 1e12));
  c->add_option("--window-hours", flags.window_hours, "How long after its request a slate's clicks count")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 720.0));
  c->callback([&run] { run = [] { return RunPolicy(flags); }; });
}

}  // namespace gfr

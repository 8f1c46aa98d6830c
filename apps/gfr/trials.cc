// trials: what [train] could be, judged by time-ordered folds; asked by lines of JSON on stdin, for a tuner beside it.
#include "train/trials.h"

#include <cstdio>

#include "base/clock.h"
#include "base/json_text.h"
#include "commands.h"

namespace gfr {
namespace {

void PrintLine(const Json& json) {
  std::printf("%s\n", DumpJson(json).c_str());
  std::fflush(stdout);
}

// {"fold": 0, "train": {"depth": 4, ...}}: keys of [train] that differ from its defaults.
Result<Json> RunTrial(const std::string& line, const Trials& trials, const SampleConfig& sample) {
  const auto bad = [](const std::string& what) { return Error{ErrorCode::kInvalidArgument, what}; };
  const Json asked = ParseJson<Json>(line, /*throws=*/false);
  if (!asked.is_object() || !asked.contains("fold") || !asked["fold"].is_number_integer() || !asked.contains("train") ||
      !asked["train"].is_object())
    return bad("a line is {\"fold\": N, \"train\": {KEY: VALUE, ...}}");
  const std::int64_t fold = asked["fold"];
  if (fold < 0 || fold >= trials.folds())
    return bad("fold " + std::to_string(fold) + " is none of the " + std::to_string(trials.folds()) + ", from 0");
  std::string toml = "[train]\n";
  for (const auto& [key, value] : asked["train"].items()) {
    if (!value.is_primitive() || value.is_null()) return bad("'" + key + "' is no number, text or truth value");
    toml += DumpJson(Json(key)) + " = " + DumpJson(value) + "\n";
  }
  GFR_ASSIGN(Config table, Config::Parse(toml, "the trial"));
  GFR_ASSIGN(TrainConfig config, TrainConfig::Read(table));
  config.sample = sample;
  const double start_s = MonotonicSeconds();
  GFR_ASSIGN(const auto engine, LoadForestTrainer(config.engine));
  GFR_ASSIGN(const auto outcomes, trials.Run(static_cast<int>(fold), config, *engine));
  Json answer{{"fold", fold}, {"objectives", Json::object()}};
  double sum = 0;
  for (const Trials::Outcome& o : outcomes) {
    sum += o.normalised_entropy;
    answer["objectives"][o.objective] = {{"rows", o.rows},
                                         {"positives", o.positives},
                                         {"rounds", o.rounds},
                                         {"log_loss", o.log_loss},
                                         {"normalised_entropy", o.normalised_entropy}};
  }
  answer["normalised_entropy"] = sum / static_cast<double>(outcomes.size());
  answer["seconds"] = MonotonicSeconds() - start_s;
  return answer;
}

Status RunTrials(const std::string& folder, const ReplayFlags& flags) {
  GFR_ASSIGN(const auto project, OpenProject(folder));
  GFR_ASSIGN(DatasetOptions options, flags.Options());
  options.slates = false;
  GFR_ASSIGN(const Dataset data, MakeDataset(project->workspace(), project->dataset_settings(), options));
  if (data.records == 0)
    return LogIsEmpty();
  const Trials trials(data, *project->features(), project->objectives(), project->configuration().split);
  Json ready{{"folds", trials.folds()}, {"objectives", Json::object()}};
  for (std::size_t o = 0; o < project->objectives().size(); ++o)
    ready["objectives"][project->objectives()[o].name] = {{"rows", data.objectives[o].size()}};
  PrintLine(ready);
  while (true) {
    const auto line = ReadLine();
    if (!line.ok()) return line.error().code == ErrorCode::kNotFound ? Status() : line.error();
    const auto answer = RunTrial(line.value(), trials, project->configuration().train.sample);
    PrintLine(answer.ok() ? answer.value() : Json{{"error", answer.error().message}});
  }
}

}  // namespace

void AddTrials(CLI::App& app, Command& run) {
  static Common common;
  static ReplayFlags flags;
  CLI::App* c = app.add_subcommand("trials",
                                   "Evaluate [train] parameters by time-ordered folds: a line of JSON in, a line out "
                                   "(docs/tuning.md); `python -m gfr.tune` searches with it");
  c->add_option("--project", common.project, "The project's folder")->capture_default_str();
  AddMemoryFlags(*c, flags);
  c->footer("Example: gfr trials --project demo <<< '{\"fold\": 0, \"train\": {\"depth\": 4}}'");
  c->callback([&run] {
    run = [] {
      const Status s = RunTrials(common.project, flags);
      return s.ok() ? 0 : Fail(s.error());
    };
  });
}

}  // namespace gfr

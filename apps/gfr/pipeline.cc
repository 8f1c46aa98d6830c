// init, simulate, dataset, train, evaluate.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/json_text.h"
#include "base/time.h"
#include "commands.h"
#include "operations/evaluate_version.h"
#include "operations/simulate_events.h"
#include "operations/slate_oracle.h"
#include "operations/train_version.h"
#include "print_report.h"
#include "project/templates.h"
#include "shared_project.h"
#include "train/distributed/caller_trainer.h"
#include "train/distributed/train_worker.h"
#include "train/engine/xgboost_api.h"

namespace gfr {
void AddInit(CLI::App& app, Command& run) {
  static std::string folder, name = "shop";
  static bool json = false;
  CLI::App* c = app.add_subcommand("init", "Make a project folder with a gfr.toml");
  c->add_option("DIR", folder, "The folder to make")->required();
  std::vector<std::string> names;
  for (const ProjectTemplate& t : ProjectTemplates()) names.emplace_back(t.name);
  c->add_option("--template", name, "The template of gfr.toml: " + CLI::detail::join(names, ", "))
      ->capture_default_str()
      ->check(CLI::IsMember(names));
  c->add_flag("--json", json, "One JSON object on stdout");
  c->footer("Example: gfr init myshop --template shop");
  c->callback([&run] {
    run = [] {
      if (const Status s = Project::Init(folder, name); !s.ok()) return Fail(s.error());
      if (json)
        PrintJson({{"project", folder}, {"template", name}});
      else
        std::printf("made %s/gfr.toml of template %s\n", folder.c_str(), name.c_str());
      return 0;
    };
  });
}

namespace {

// `gfr simulate oracle`, which needs no project.
CLI::App* AddSimulateOracle(CLI::App& simulate, const MarketConfig& market, Command& run) {
  CLI::App* c = simulate.add_subcommand(
      "oracle", "Say what slates bring on that market, without drawing: one JSON object a line, in and out");
  c->fallthrough();  // The market's options are those of `simulate`.
  c->footer(
      "A line in: {\"user_id\": \"u100003\", \"time\": \"2026-01-04T12:00:00Z\", \"items\": [\"i100007\"]}\n"
      "Example: gfr simulate oracle --users 2000 --items 1000 --days 56 --seed 1 < slates.ndjson");
  c->callback([&run, &market] {
    run = [&market] {
      const auto oracle = SlateOracle::Make(market);
      if (!oracle.ok()) return Fail(oracle.error());
      for (std::uint64_t number = 1;; ++number) {
        const auto line = ReadLine();
        if (!line.ok() && line.error().code == ErrorCode::kNotFound) return 0;
        if (!line.ok()) return Fail(line.error());
        const auto answer = oracle.value().Answer(line.value());
        if (!answer.ok())
          return Fail({answer.error().code, "line " + std::to_string(number) + " of stdin " + answer.error().message});
        std::printf("%s\n", DumpJson(answer.value()).c_str());
      }
    };
  });
  return c;
}

}  // namespace

void AddSimulate(CLI::App& app, Command& run) {
  static Common common;
  static MarketConfig market;
  static std::string truth;
  CLI::App* c = AddCommand(app, "simulate", "Fill the log with the events of a simulated market",
                           "gfr simulate --project demo --users 2000 --items 1000 --days 56 --seed 1", common);
  c->add_option("--users", market.users, "Users")->required()->check(CLI::Range(1, 10'000'000));
  c->add_option("--items", market.items, "Items")->required()->check(CLI::Range(20, 10'000'000));
  c->add_option("--days", market.days, "Days of history")->required()->check(CLI::Range(1, 3650));
  c->add_option("--seed", market.seed, "The same seed gives the same events")->capture_default_str();
  c->add_option("--visits-a-day", market.visits_a_day, "Visits of a user a day, on average")
      ->check(CLI::Range(0.001, 100.0))
      ->capture_default_str();
  c->add_option("--latent-factors", market.latent_factors, "Factors of tastes that no property of an item tells")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  c->add_option("--truth", truth, "A Parquet file for the probabilities behind every item shown");
  c->add_flag("--drift", market.drift, "Preferences, prices and the click rate change from 70 % of the days on");
  const CLI::App* oracle = AddSimulateOracle(*c, market, run);
  c->callback([&run, oracle] {
    if (oracle->parsed()) return;
    run = [] {
      auto project = OpenFetchedProject(common.project);
      if (!project.ok()) return Fail(project.error());
      const auto made = SimulateEvents(project.value()->workspace(), market, truth);
      if (!made.ok()) return Fail(made.error());
      if (const Status sent = PushToStore(*project.value()); !sent.ok()) return Fail(sent.error());
      if (common.json) {
        PrintJson({{"simulated", true},
                   {"events", made.value().report.events},
                   {"clicks", made.value().clicks},
                   {"log_events", made.value().log_events}});
      } else {
        std::printf("simulated %llu events with %llu clicks\n",
                    static_cast<unsigned long long>(made.value().report.events),
                    static_cast<unsigned long long>(made.value().clicks));
        PrintClockHint(made.value().last_arrival_ms);
      }
      return 0;
    };
  });
}

Result<std::int64_t> TimeOption(const std::string& text, std::int64_t otherwise) {
  if (text.empty()) return otherwise;
  return ParseTime(text);
}

Result<DatasetOptions> ReplayFlags::Options() const {
  DatasetOptions options{.workers = workers, .memory_bytes = memory_bytes};
  GFR_ASSIGN(options.from_ms, TimeOption(from, INT64_MIN));
  GFR_ASSIGN(options.to_ms, TimeOption(to, INT64_MAX));
  return options;
}

void AddMemoryFlags(CLI::App& command, ReplayFlags& flags) {
  command
      .add_option("--memory", flags.memory_bytes,
                  "What the replay may use, as 6GiB; a log that needs more is replayed by partitions of users, with "
                  "files beside it (4GiB)")
      ->transform(CLI::AsSizeValue(false));
  command.add_option("--workers", flags.workers, "Threads of a replay by partitions")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
}

void AddRangeFlags(CLI::App& command, ReplayFlags& flags) {
  command.add_option("--from", flags.from, "Rows that arrived from then on: RFC 3339, inclusive");
  command.add_option("--to", flags.to, "RFC 3339, exclusive");
}

namespace {

constexpr const char* kFullHelp = "Read every event again, and neither take nor keep rows of the last replay";

int RunDataset(const std::string& out, bool from_lake, bool full, const ReplayFlags& flags, const Common& common) {
  const auto options = flags.Options();
  if (!options.ok()) return Fail(options.error());
  auto project = OpenFetchedProject(common.project);
  if (!project.ok()) return Fail(project.error());
  DatasetSettings settings = project.value()->dataset_settings();
  settings.from_lake = from_lake;
  settings.incremental = settings.incremental && !full;
  const auto exported = ExportDataset(project.value()->workspace(), settings, options.value(), out);
  if (!exported.ok()) return Fail(exported.error());
  Json json{{"events", exported.value().events},
            {"slates", exported.value().slates},
            {"columns", exported.value().columns},
            {"objectives", Json::object()}};
  for (const ExportedDataset::Objective& o : exported.value().objectives)
    json["objectives"][o.name] = {{"rows", o.rows}, {"positives", o.positives}};
  if (common.json) {
    PrintJson(json);
    return 0;
  }
  std::printf("%s events, %s slates with a click, %s columns\n", DumpJson(json["events"]).c_str(),
              DumpJson(json["slates"]).c_str(), DumpJson(json["columns"]).c_str());
  for (const auto& [name, o] : json["objectives"].items())
    std::printf("%-12s %10s rows %10s positives\n", name.c_str(), DumpJson(o["rows"]).c_str(),
                DumpJson(o["positives"]).c_str());
  return 0;
}

}  // namespace

void AddDataset(CLI::App& app, Command& run) {
  static Common common;
  static std::string out;
  static bool from_lake = false, full = false;
  static ReplayFlags flags;
  CLI::App* c = AddCommand(app, "dataset", "Replay the log to rows with labels; count them, or write them as Parquet",
                           "gfr dataset --out rows --memory 6GiB --workers 2 --project demo", common);
  c->add_option("--out", out,
                "A folder for NAME.parquet of each objective and a datasheet; rows are only counted when left out");
  c->add_flag("--from-lake", from_lake,
              "Read data/events instead of the log: closed segments, and what [log] keep deleted from the log");
  c->add_flag("--full", full, kFullHelp);
  AddRangeFlags(*c, flags);
  AddMemoryFlags(*c, flags);
  c->callback([&run] { run = [] { return RunDataset(out, from_lake, full, flags, common); }; });
}

namespace {

// One line to whoever started this program, and the one that answers it.
Result<std::string> AskCaller(const std::string& line) {
  std::printf("%s\n", line.c_str());
  if (std::fflush(stdout) != 0) return Error{ErrorCode::kUnavailable, "the caller does not read stdout any more"};
  auto answer = ReadLine();
  if (!answer.ok() && answer.error().code == ErrorCode::kNotFound)
    return Error{ErrorCode::kUnavailable, "the caller ended without an answer"};
  return answer;
}

Result<Trained> TrainByCaller(const Project& project, const TrainSettings& asked, const DatasetOptions& options,
                              const std::string& exchange) {
  if (project.configuration().train.engine != Forest::Engine::kXgboost)
    return Error{ErrorCode::kInvalidArgument,
                 "--exchange has forests trained by XGBoost, but [train] engine is lightgbm"};
  GFR_ASSIGN(const auto engine, LoadForestTrainer(Forest::Engine::kXgboost));
  const CallerTrainer caller(PosixFileSystem(), exchange, AskCaller, *engine);
  std::vector<LeftOutObjective> left_out;
  GFR_ASSIGN(const TrainSettings settings, PlanTraining(project.workspace(), asked, &left_out));
  GFR_ASSIGN(const Dataset data, MakeDataset(project.workspace(), settings.dataset, options));
  GFR_ASSIGN(Trained trained, TrainVersionOn(project.workspace(), settings, data, caller));
  trained.left_out.insert(trained.left_out.begin(), left_out.begin(), left_out.end());
  return trained;
}

void PrintTrained(const Trained& t, const std::string& project, bool json) {
  const std::string promote = "gfr models promote " + t.version + " --project " + project;
  if (!json) {
    PrintReport(t.report);
    for (const LeftOutObjective& o : t.left_out) std::printf("not trained: %s\n", o.why.c_str());
    std::printf("registered version %s%s; report: %s\n", t.version.c_str(), t.champion ? " (champion)" : "",
                t.html_path.c_str());
    if (!t.champion)
      std::printf("the champion serves on; to serve version %s: %s\n", t.version.c_str(), promote.c_str());
    return;
  }
  Json out = ParseJson<Json>(ReportToJson(t.report));
  out["version"] = t.version;
  out["champion"] = t.champion;
  out["report"] = t.html_path;
  if (!t.champion) out["promote"] = promote;
  out["left_out"] = Json::array();
  for (const LeftOutObjective& o : t.left_out) out["left_out"].push_back({{"objective", o.name}, {"why", o.why}});
  PrintJson(out);
}

// Why a run of a trigger has nothing to do yet: the log is empty or too young for every objective. Empty: the training
// failed for another reason.
std::string WhyNothingToTrain(const Project& project, const Error& failed) {
  if (failed.code != ErrorCode::kInvalidArgument) return "";
  std::vector<LeftOutObjective> left_out;
  const auto plan = PlanTraining(project.workspace(), project.train_settings(), &left_out);
  return !plan.ok() && plan.error().code == ErrorCode::kInvalidArgument ? plan.error().message : "";
}

// `gfr train worker`, which needs no project.
CLI::App* AddTrainWorker(CLI::App& train, Command& run) {
  static TrainWorkerConfig config;
  CLI::App* c =
      train.add_subcommand("worker", "Join a `gfr train` on this or another machine, with a share of its rows");
  c->add_option("--tracker", config.address, "Where `gfr train` listens: HOST:PORT")->required();
  c->add_option("--threads", config.threads, "Threads; as many as `gfr train` says when left out")
      ->check(CLI::Range(1, 1024));
  c->footer("Example: GFR_TRAIN_TOKEN=... gfr train worker --tracker 10.0.0.5:7700");
  c->callback([&run] {
    run = [] {
      const char* token = std::getenv(WorkerPool::kTokenVariable);
      config.token = token ? token : "";
      const Status done = RunTrainWorker(config, FindXgboostLibrary());
      return done.ok() ? 0 : Fail(done.error());
    };
  });
  return c;
}

}  // namespace

void AddTrain(CLI::App& app, Command& run) {
  static Common common;
  static bool recalibrate = false, full = false;
  static std::string model, exchange, run_id;
  static ReplayFlags flags;
  static WorkersConfig workers;
  CLI::App* c = AddCommand(app, "train", "Train, calibrate, evaluate and register a model version",
                           "gfr train --project demo", common);
  AddMemoryFlags(*c, flags);
  c->get_option("--workers")->description("Processes that train together, and threads of a replay by partitions (1)");
  c->add_option("--remote-workers", workers.remote,
                "How many `gfr train worker` of other machines to wait for; needs --listen and GFR_TRAIN_TOKEN")
      ->check(CLI::Range(1, 1024));
  c->add_option("--listen", workers.listen, "The address of this machine that workers reach, HOST:PORT")
      ->capture_default_str();
  c->add_option("--join-timeout", workers.join_timeout_s, "Seconds to wait for workers to join")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  CLI::Option* only = c->add_flag("--recalibrate", recalibrate,
                                  "Keep a version's forests; fit calibrators on the rows that came since");
  c->add_option("--model", model, "With --recalibrate: the version; the champion when left out")->needs(only);
  c->add_option("--exchange", exchange,
                "Have forests trained by the program that started this one, through stdin, stdout and this folder "
                "(docs/formats/exchange.md)")
      ->excludes(only);
  c->add_flag("--full", full, kFullHelp);
  c->add_option("--run", run_id, "The run that the version is made by, for its lineage (triggers set it)");
  const CLI::App* worker = AddTrainWorker(*c, run);
  c->callback([&run, worker] {
    if (worker->parsed()) return;
    run = [] {
      const char* token = std::getenv(WorkerPool::kTokenVariable);
      workers.token = token ? token : "";
      if (workers.remote > 0 && workers.token.empty())
        return Fail({ErrorCode::kInvalidArgument,
                     "--remote-workers needs GFR_TRAIN_TOKEN, a secret that this process and the workers share"});
      workers.local = flags.workers > 1 || workers.remote > 0 ? flags.workers : 0;
      std::error_code code;
      const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
      workers.command = {program.string(), "train", "worker", "--tracker"};
      auto project = OpenFetchedProject(common.project);
      if (!project.ok()) return Fail(project.error());
      const DatasetOptions options{.workers = flags.workers, .memory_bytes = flags.memory_bytes};
      const Project& p = *project.value();
      TrainSettings settings = p.train_settings();
      settings.dataset.incremental = settings.dataset.incremental && !full;
      if (!run_id.empty()) settings.lineage["run"] = run_id;
      const auto trained = recalibrate         ? RecalibrateVersion(p.workspace(), settings, model, options)
                           : !exchange.empty() ? TrainByCaller(p, settings, options, exchange)
                                               : TrainVersion(p.workspace(), settings, options, workers);
      if (!trained.ok() && !run_id.empty()) {
        if (const std::string why = WhyNothingToTrain(p, trained.error()); !why.empty()) {
          PrintJson({{"nothing_to_train", why}});
          return 0;
        }
      }
      if (!trained.ok()) return Fail(trained.error());
      PrintTrained(trained.value(), common.project, common.json);
      return 0;
    };
  });
}

void AddEvaluate(CLI::App& app, Command& run) {
  static Common common;
  static std::string model, from, to, against, html;
  static bool position_bias = false, off_policy = false;
  CLI::App* c = AddCommand(app, "evaluate", "Evaluate a model version on the rows of a time range",
                           "gfr evaluate --from 2018-11-08 --project demo --json", common);
  c->add_option("--model", model, "The version; the champion when left out");
  c->add_option("--from", from, "RFC 3339, inclusive; the test range when both are left out");
  c->add_option("--to", to, "RFC 3339, exclusive");
  c->add_option("--against", against, "Another version, compared on the same rows with paired intervals");
  c->add_flag("--position-bias", position_bias, "Measure how often each position is examined");
  c->add_flag("--off-policy", off_policy,
              "Estimate what the model would have earned, from the positions that were filled at random");
  c->add_option("--html", html, "A file for the report as one page");
  c->callback([&run] {
    run = [] {
      const auto from_ms = TimeOption(from, INT64_MIN), to_ms = TimeOption(to, INT64_MAX);
      if (!from_ms.ok()) return Fail(from_ms.error());
      if (!to_ms.ok()) return Fail(to_ms.error());
      auto project = OpenFetchedProject(common.project);
      if (!project.ok()) return Fail(project.error());
      const Project& p = *project.value();
      const auto report = EvaluateVersion(p.workspace(), p.evaluate_settings(),
                                          {.version = model,
                                           .against = against,
                                           .from_ms = from_ms.value(),
                                           .to_ms = to_ms.value(),
                                           .position_bias = position_bias,
                                           .off_policy = off_policy});
      if (!report.ok()) return Fail(report.error());
      if (!html.empty()) {
        const Status written = PublishFile(PosixFileSystem(), html, ReportToHtml(report.value()));
        if (!written.ok()) return Fail(written.error());
      }
      if (!report.value().note.empty()) std::fprintf(stderr, "note: %s\n", report.value().note.c_str());
      if (common.json)
        std::printf("%s\n", ReportToJson(report.value()).c_str());
      else
        PrintReport(report.value());
      return 0;
    };
  });
}

}  // namespace gfr

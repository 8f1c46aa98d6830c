#include "operations/experiment_results.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "dataset/left_out.h"
#include "dataset/start_at_base.h"
#include "evaluate/html.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

std::string Percent(const Json& value) {
  return value.is_number() ? fmt::format("{:+.2f} %", 100 * value.get<double>()) : "–";
}
std::string PercentBounds(const Json& value) {
  if (!value.is_array()) return "–";
  return fmt::format("[{:+.2f} %, {:+.2f} %]", 100 * value[0].get<double>(), 100 * value[1].get<double>());
}
std::string Figure(const Json& value) { return value.is_number() ? fmt::format("{:.4g}", value.get<double>()) : "–"; }

// One bar of a relative interval on [-limit, limit].
std::string IntervalPicture(const Json& interval, const Json& value, double limit) {
  if (!interval.is_array() || !value.is_number() || !(limit > 0)) return "";
  const auto x = [&](const Json& at) { return 100 + 95 * std::clamp(at.get<double>() / limit, -1.0, 1.0); };
  return fmt::format(
      "<svg width=\"200\" height=\"16\"><line x1=\"100\" x2=\"100\" y1=\"0\" y2=\"16\" stroke=\"#999\"/>"
      "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"8\" y2=\"8\" stroke=\"#36c\" stroke-width=\"3\"/>"
      "<circle cx=\"{:.1f}\" cy=\"8\" r=\"4\" fill=\"#36c\"/></svg>",
      x(interval[0]), x(interval[1]), x(value));
}

double WidestOf(const Json& metrics) {
  double limit = 0;
  for (const Json& m : metrics) {
    if (m["interval_relative"].is_array())
      limit = std::max({limit, std::fabs(m["interval_relative"][0].get<double>()),
                        std::fabs(m["interval_relative"][1].get<double>())});
  }
  return std::min(limit, 1.0);
}

std::string HoldoutHtml(const Json& holdout) {
  std::string html = fmt::format("<h2>Holdout</h2>\n<p>{}</p>\n", EscapeHtml(holdout["how"].get<std::string>()));
  html +=
      "<table><tr><th>metric</th><th>cumulative uplift a user</th><th>interval</th><th>users</th>"
      "<th>by period (users in the holdout + others)</th></tr>\n";
  for (const Json& m : holdout["metrics"]) {
    std::string periods;
    for (const Json& p : m["periods"])
      periods += fmt::format("{}: {} ({} + {})<br>", p["from"].get<std::string>(), Figure(p["uplift"]), Figure(p["in"]),
                             Figure(p["out"]));
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>[{}, {}]</td><td>{}</td><td>{}</td></tr>\n",
                        EscapeHtml(m["metric"].get<std::string>()), Figure(m["cumulative"]), Figure(m["interval"][0]),
                        Figure(m["interval"][1]), Figure(m["users"]), periods);
  }
  return html + "</table>\n";
}

std::string PortfolioHtml(const Json& portfolio) {
  std::string html =
      fmt::format("<h2>Concluded experiments together: {}</h2>\n<p>{}</p>\n",
                  EscapeHtml(portfolio["metric"].get<std::string>()), EscapeHtml(portfolio["how"].get<std::string>()));
  html += "<table><tr><th>experiment</th><th>arm</th><th>measured</th><th>expected</th></tr>\n";
  for (const Json& e : portfolio["effects"])
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        EscapeHtml(e["experiment"].get<std::string>()), EscapeHtml(e["arm"].get<std::string>()),
                        Percent(e["measured"]), Percent(e["expected"]));
  return html + "</table>\n";
}

// The arms of a bandit, and how the probabilities went.
std::string BanditHtml(const Json& bandit) {
  std::string html = fmt::format("<p title=\"{}\">Version {} of the allocation, by {}</p>\n",
                                 EscapeHtml(bandit["how"].get<std::string>()), bandit["version"].dump(),
                                 EscapeHtml(bandit["reward"].get<std::string>()));
  html +=
      "<table><tr><th>arm</th><th>of new units</th><th>mature units</th><th>mean reward</th><th>interval</th></tr>\n";
  for (const Json& arm : bandit["arms"])
    html += fmt::format("<tr><td>{}</td><td>{:.1f} %</td><td>{}</td><td>{}</td><td>[{}, {}]</td></tr>\n",
                        EscapeHtml(arm["name"].get<std::string>()), 100 * arm["probability"].get<double>(),
                        Figure(arm["mature_units"]), Figure(arm["mean"]), Figure(arm["interval"][0]),
                        Figure(arm["interval"][1]));
  html += "</table>\n<table><tr><th>version</th><th>from</th>";
  for (const Json& arm : bandit["arms"]) html += "<th>" + EscapeHtml(arm["name"].get<std::string>()) + "</th>";
  html += "</tr>\n";
  for (const Json& version : bandit["versions"]) {
    html += fmt::format("<tr><td>{}</td><td>{}</td>", version["version"].dump(), version["from"].get<std::string>());
    for (const Json& p : version["probabilities"]) html += fmt::format("<td>{:.1f} %</td>", 100 * p.get<double>());
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

// When which weights held.
std::string PeriodsHtml(const Json& periods, const Json& arms) {
  std::string html = "<table><tr><th>allocated from</th>";
  for (const Json& arm : arms) {
    const std::string name = EscapeHtml(arm["name"].get<std::string>());
    html += "<th>share of " + name + "</th><th>units</th>";
  }
  html += "</tr>\n";
  for (const Json& period : periods) {
    html += "<tr><td>" + period["from"].get<std::string>() + "</td>";
    for (std::size_t a = 0; a < arms.size(); ++a)
      html += fmt::format("<td>{}</td><td>{}</td>", Figure(period["weights"][a]), Figure(period["exposed"][a]));
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

// A row for each metric and arm.
std::string EffectsHtml(const Json& metrics) {
  std::string html =
      "<table><tr><th>metric</th><th>role</th><th>arm</th><th>units</th><th>control</th><th>treatment</th>"
      "<th>relative effect</th><th>interval</th><th></th><th>p, adjusted</th></tr>\n";
  const double limit = WidestOf(metrics);
  for (const Json& m : metrics)
    html += fmt::format(
        "<tr title=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{} + {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td>{}</td><td>{}{}</td></tr>\n",
        EscapeHtml(m["how"].get<std::string>()), EscapeHtml(m["metric"].get<std::string>()),
        m["role"].get<std::string>(), EscapeHtml(m["arm"].get<std::string>()), Figure(m["units"][0]),
        Figure(m["units"][1]), Figure(m["control"]), Figure(m["treatment"]), Percent(m["relative"]),
        PercentBounds(m["interval_relative"]), IntervalPicture(m["interval_relative"], m["relative"], limit),
        Figure(m["adjusted_p"]), m["early"].get<bool>() ? " (early conversions)" : "");
  return html + "</table>\n";
}

std::string ErasuresHtml(const Json& erasures) {
  std::string html = "<h3>Erased users</h3>\n<ul>\n";
  for (const Json& one : erasures) {
    html += "<li>" + EscapeHtml(one["at"].get<std::string>()) + ": ";
    for (const auto& [arm, units] : one["users_left"].items())
      html += fmt::format("{} units of {}; ", Figure(units), EscapeHtml(arm));
    for (const Json& effect : one["effects"])
      html += fmt::format("{} of {}: {} before, {} after; ", EscapeHtml(effect["metric"].get<std::string>()),
                          EscapeHtml(effect["arm"].get<std::string>()), Percent(effect["relative"][0]),
                          Percent(effect["relative"][1]));
    html += fmt::format("decision: {} before, {} after</li>\n", one["decision"][0].get<std::string>(),
                        one["decision"][1].get<std::string>());
  }
  return html + "</ul>\n";
}

std::string ExperimentHtml(const Json& e) {
  std::string html = fmt::format("<h2>{}: {}</h2>\n<p>{}</p>\n", EscapeHtml(e["experiment"].get<std::string>()),
                                 e["decision"].get<std::string>(), EscapeHtml(e["reason"].get<std::string>()));
  if (e.contains("concluded")) {
    const Json& over = e["concluded"];
    html += fmt::format("<p><b>Concluded</b> at {}: {}: {}</p>\n", EscapeHtml(over["at"].get<std::string>()),
                        EscapeHtml(over["decision"].get<std::string>()), EscapeHtml(over["reason"].get<std::string>()));
  }
  html += "<table><tr><th>arm</th><th>weight</th><th>exposed units</th><th>met another arm</th></tr>\n";
  for (const Json& arm : e["arms"])
    html += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        EscapeHtml(arm["name"].get<std::string>()), DumpJson(arm["weight"]), Figure(arm["exposed"]),
                        Figure(arm["met_another_arm"]));
  html += fmt::format("</table>\n<p title=\"{}\">Sample ratio: p = {}{}</p>\n",
                      EscapeHtml(e["srm"]["how"].get<std::string>()), Figure(e["srm"]["p"]),
                      e["srm"]["flagged"].get<bool>() ? ", flagged" : "");
  if (e.contains("periods")) html += PeriodsHtml(e["periods"], e["arms"]);
  if (e.contains("bandit")) html += BanditHtml(e["bandit"]);
  html += EffectsHtml(e["metrics"]);
  if (e.contains("pooled"))
    html += "<h3>All variants as one against the control</h3>\n<p>This is for exploration. It decides nothing.</p>\n" +
            EffectsHtml(e["pooled"]);
  html += "<h3>How each number is made</h3>\n<ul>\n";
  for (const Json& how : e["how"]) html += "<li>" + EscapeHtml(how.get<std::string>()) + "</li>\n";
  std::string last;
  for (const Json& m : e["metrics"]) {
    if (m["metric"] == last) continue;
    last = m["metric"].get<std::string>();
    html += "<li><b>" + EscapeHtml(last) + "</b>: " + EscapeHtml(m["how"].get<std::string>()) + "</li>\n";
  }
  html += "</ul>\n";
  if (e.contains("erasures")) html += ErasuresHtml(e["erasures"]);
  for (const Json& warning : e["warnings"])
    html += "<p><b>Warning:</b> " + EscapeHtml(warning.get<std::string>()) + "</p>\n";
  return html;
}

}  // namespace

std::vector<ExperimentDesign> DesignsOf(const ExperimentSettings& settings, const AllocationPeriods& periods) {
  std::vector<ExperimentDesign> designs;
  const auto add = [&](const std::string& name, const std::vector<Treatment>& arms, const JudgingConfig& judging,
                       const std::optional<BanditConfig>& bandit, const std::optional<ClusterConfig>& clusters) {
    ExperimentDesign design{.name = name,
                            .arms = {},
                            .weights = {},
                            .periods = {},
                            .moves_units = name == kVariantName,
                            .bandit = bandit,
                            .clusters = clusters,
                            .planned_n = judging.planned_units,
                            .alpha = judging.alpha};
    for (const Treatment& arm : arms) {
      if (arm.weight <= 0) continue;
      design.arms.push_back(arm.name);
      design.weights.push_back(arm.weight);
    }
    if (design.arms.size() < 2) return;
    if (const auto its = periods.find(name); its != periods.end() && !clusters) {
      for (const Allocation::Period& period : its->second) {
        DesignPeriod of{period.from_ms, {}};
        for (const std::string& arm : design.arms) {
          const auto share = period.shares.find(arm);
          of.weights.push_back(share == period.shares.end() ? 0 : share->second);
        }
        design.periods.push_back(std::move(of));
      }
    }
    designs.push_back(std::move(design));
  };
  add(kVariantName, settings.experiments.variants, JudgingConfig(), {}, {});
  for (const Experiment& e : settings.experiments.all) {
    if (e.interleaves) continue;  // Judged by its credits.
    add(e.name, e.arms, e.judging, e.bandit, e.clusters);
  }
  return designs;
}

namespace {

MetricFold::Measured MeasuredIn(const ExperimentSettings& settings) {
  MetricFold::Measured measured;
  for (const ExperimentDesign& design : DesignsOf(settings, {})) measured[design.name] = {.clusters = design.clusters};
  if (const auto& holdout = settings.experiments.holdout)
    measured[kHoldoutName] = {.clusters = PeriodsOfHoldout(*holdout), .whole_periods = true};
  return measured;
}

}  // namespace

ExperimentPass::ExperimentPass(ExperimentSettings settings, KeptUnits kept)
    : settings_(std::move(settings)),
      fold_(settings_.metrics, MeasuredIn(settings_), settings_.alias),
      kept_(std::move(kept)) {}

Status ExperimentPass::Advance(EventSource& log) {
  if (!next_) {
    GFR_ASSIGN(next_, log.Begin());
    GFR_ASSIGN(const auto joined, AliasesOfBase(log));
    for (const auto& [from, to] : joined) fold_.JoinBefore(from, to);
  }
  GFR_ASSIGN(const Positions end, log.End());
  const std::uint32_t types = settings_.leave_out.robots ? kEveryType : fold_.types();
  GFR_ASSIGN(const auto reader, log.Open(*next_, {.types = types, .until = end}));
  LogRecord record;
  while (true) {
    GFR_ASSIGN(const bool more, reader->More(&record));
    if (!more) break;
    if (settings_.leave_out.robots) activity_.Add(record);
    if (fold_.types() & TypeBit(record.event.type)) fold_.Add(record);
    first_arrival_ms_ = std::min(first_arrival_ms_, record.arrival_ms);
    last_arrival_ms_ = std::max(last_arrival_ms_, record.arrival_ms);
  }
  next_ = end;
  return {};
}

ExperimentReport ExperimentPass::Report(const AllocationPeriods& periods, const std::string& surface) const {
  const auto left_out = LeftOut::Of(activity_, fold_.people(), settings_.leave_out);
  const std::vector<ExperimentDesign> designs = DesignsOf(settings_, periods);
  MetricFold::Question question{.left_out = [&](Key person) { return left_out && left_out->Why(person) != nullptr; },
                                .now_ms = last_arrival_ms_,
                                .cuts = {}};
  for (const ExperimentDesign& design : designs) {
    if (!design.moves_units) continue;
    for (std::size_t p = 1; p < design.periods.size(); ++p)
      question.cuts[design.name].push_back(design.periods[p].from_ms);
  }
  const bool was_trimmed = kept_.StandsFor(first_arrival_ms_);
  if (was_trimmed) question.starts = kept_.Starts();
  ExperimentReport report;
  std::vector<ExperimentUnits>& units = report.units;
  units = fold_.Finish(question);
  if (was_trimmed) kept_.Merge([&](Key key) { return fold_.people().GroupOf(key); }, question.left_out, &units);
  const auto units_of = [&](const std::string& name) -> const ExperimentUnits& {
    static const ExperimentUnits kNone;
    const auto at = std::ranges::find(units, name, &ExperimentUnits::experiment);
    return at == units.end() ? kNone : *at;
  };
  for (const ExperimentDesign& design : designs)
    report.results.push_back(
        AnalyzeExperiment(design, settings_.metrics, units_of(design.name), last_arrival_ms_, surface));
  if (const auto& holdout = settings_.experiments.holdout)
    report.holdout = AnalyzeHoldout(*holdout, settings_.metrics, units_of(kHoldoutName));
  return report;
}

Status ExperimentPass::Keep(FileSystem& fs, const std::string& folder, const ExperimentReport& report) const {
  const auto kept = KeptUnits::Write(fs, folder, settings_.metrics, report.units, first_arrival_ms_, last_arrival_ms_);
  return kept.ok() ? Status() : Status(kept.error());
}

nlohmann::ordered_json ExperimentPass::Json(const ExperimentReport& report, const Conclusions& conclusions) const {
  nlohmann::ordered_json json{{"experiments", nlohmann::ordered_json::array()}};
  for (const ExperimentResults& one : report.results)
    json["experiments"].push_back(ResultsJson(one, settings_.metrics));
  for (nlohmann::ordered_json& e : json["experiments"]) {
    const Conclusion* concluded = conclusions.Find(e["experiment"].get<std::string>());
    if (concluded == nullptr || concluded->runs_again()) continue;
    e["concluded"] = {
        {"decision", concluded->decision}, {"reason", concluded->reason}, {"at", FormatTime(concluded->at_ms)}};
  }
  if (report.holdout) json["holdout"] = HoldoutJson(*report.holdout, *settings_.experiments.holdout, settings_.metrics);
  const Portfolio portfolio = MakePortfolio(report.results, settings_.metrics, conclusions);
  if (!portfolio.effects.empty()) json["portfolio"] = PortfolioJson(portfolio);
  return json;
}

std::string ReportHtml(const Json& report) {
  std::string html = HtmlHead("Experiments");
  for (const Json& e : report["experiments"]) html += ExperimentHtml(e);
  if (report["experiments"].empty()) html += "<p>No experiment has two arms.</p>\n";
  if (report.contains("holdout")) html += HoldoutHtml(report["holdout"]);
  if (report.contains("portfolio")) html += PortfolioHtml(report["portfolio"]);
  return html + "</html>\n";
}

}  // namespace gfr

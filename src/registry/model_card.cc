#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/time.h"
#include "registry/registry.h"

namespace gfr {
namespace {

std::string Figure(const nlohmann::json& objective, const char* name) {
  const auto value = objective.find(name);
  if (value == objective.end() || !value->is_number()) return "-";
  char text[64];
  std::snprintf(text, sizeof text, "%.4f", value->get<double>());
  std::string out = text;
  const auto interval = objective.value("intervals", nlohmann::json::object()).value(name, nlohmann::json());
  if (interval.is_array() && interval.size() == 2 && interval[0].is_number() && interval[1].is_number()) {
    std::snprintf(text, sizeof text, " [%.4f, %.4f]", interval[0].get<double>(), interval[1].get<double>());
    out += text;
  }
  return out;
}

}  // namespace

std::string ModelCard(const Registry::Entry& entry, const std::string& metrics_json, std::int64_t now_ms) {
  std::string card = "# Model " + entry.name + ", version " + entry.version + "\n\n";
  card += "Registered " + FormatTime(entry.created_ms) + ".";
  for (const std::string& alias : entry.aliases) card += " It is the " + alias + ".";
  card += "\n\n";
  if (const auto until = entry.lineage.find("rows_until"); until != entry.lineage.end()) {
    const std::int64_t until_ms = std::strtoll(until->second.c_str(), nullptr, 10);
    char age[64];
    std::snprintf(age, sizeof age, "%.1f", static_cast<double>(now_ms - until_ms) / static_cast<double>(kDayMs));
    card += "**The newest event it learnt from arrived " + FormatTime(until_ms) + ", " + age + " days before " +
            FormatTime(now_ms) + ".**\n\n";
  } else {
    card += "How old its newest label is was not recorded.\n\n";
  }
  const auto metrics = ParseJson<nlohmann::json>(metrics_json, /*throws=*/false);
  if (metrics.is_object()) {
    if (metrics.value("simulated", false)) card += "Its events are simulated.\n\n";
    if (metrics.contains("from") && metrics["from"].is_string() && metrics.contains("to") && metrics["to"].is_string())
      card += "Judged on rows that arrived from " + metrics["from"].get<std::string>() + " to " +
              metrics["to"].get<std::string>() + " (95 % intervals, bootstrap over users):\n\n";
    card +=
        "| objective | rows | positives | AUC-ROC | AUC-PR | log loss | ECE | observed/expected "
        "|\n|---|---|---|---|---|---|---|---|\n";
    const auto objectives = metrics.value("objectives", nlohmann::json::object());
    for (const auto& [name, o] : objectives.items()) {
      card += "| " + name + " | " + DumpJson(o.value("rows", nlohmann::json(0))) + " | " +
              DumpJson(o.value("positives", nlohmann::json(0)));
      for (const char* figure : {"auc_roc", "auc_pr", "log_loss", "ece", "observed_over_expected"})
        card += " | " + Figure(o, figure);
      card += " |\n";
    }
  }
  card += "\n## Lineage\n\n| what | value |\n|---|---|\n";
  for (const auto& [key, value] : entry.lineage) card += "| " + key + " | " + value + " |\n";
  return card;
}

}  // namespace gfr

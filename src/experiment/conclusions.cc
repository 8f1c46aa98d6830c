#include "experiment/conclusions.h"

#include <nlohmann/json.hpp>

namespace gfr {

std::string Conclusions::ToJson() const {
  nlohmann::ordered_json json{{"format", 1}, {"experiments", nlohmann::ordered_json::object()}};
  for (const auto& [name, c] : by_experiment)
    json["experiments"][name] = {{"decision", c.decision}, {"reason", c.reason}, {"at", FormatTime(c.at_ms)}};
  return json.dump(1) + "\n";
}

Result<Conclusions> Conclusions::FromJson(std::string_view text) try {
  const auto json = nlohmann::ordered_json::parse(text);
  if (json.at("format") != 1)
    return Error{ErrorCode::kNeedsNewer,
                 "the conclusions of experiments are of another format; a newer gfr wrote them"};
  Conclusions conclusions;
  for (const auto& [name, c] : json.at("experiments").items()) {
    GFR_ASSIGN(const std::int64_t at_ms, ParseTime(c.at("at").get<std::string>()));
    conclusions.by_experiment[name] = {c.at("decision"), c.at("reason"), at_ms};
  }
  return conclusions;
} catch (const std::exception& e) {
  return Error{ErrorCode::kCorrupt, std::string("the conclusions of experiments cannot be read: ") + e.what()};
}

Experiments Conclusions::Apply(Experiments experiments) const {
  for (Experiment& e : experiments.all) {
    const Conclusion* concluded = Find(e.name);
    e.running = e.running && (concluded == nullptr || concluded->runs_again());
  }
  return experiments;
}

}  // namespace gfr

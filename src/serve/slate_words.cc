#include "serve/slate_words.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace gfr {
namespace {

std::string Short(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", x);
  return text;
}

// How many of what was shown have a greater value.
std::size_t RankAmongShown(const Event& request, std::size_t item) {
  const std::vector<float>& value = request.served.value;
  return static_cast<std::size_t>(std::ranges::count_if(
      AllItems(value.size()), [&](std::uint32_t i) { return request.items[i].index >= 0 && value[i] > value[item]; }));
}

void AddWorth(const Event& request, std::size_t item, std::vector<std::string>* why) {
  const ServedSlate& s = request.served;
  if (!s.IsScored(static_cast<std::uint32_t>(item))) return;
  for (const ServedScores& of : s.scores) {
    if (of.model == 0 && !std::isnan(of.values[item]))
      why->push_back("the model expects " + of.objective + " of " + Short(static_cast<double>(of.values[item])));
  }
  if (item < s.value.size() && !std::isnan(s.value[item]))
    why->push_back("its ranking value is " + Short(static_cast<double>(s.value[item])));
}

void AddPolicy(const Event& request, const SlateOutcome& outcome, std::size_t item, std::vector<std::string>* why) {
  const std::int32_t position = request.items[item].index;
  bool is_placed = false;
  for (const PolicyPart& part : outcome.parts) {
    if (!std::ranges::binary_search(part.items, static_cast<std::uint32_t>(item))) continue;
    if (part.name.starts_with("pin ") && position >= 0) {
      why->push_back(part.name.substr(4) + " pins it to its position");
      is_placed = true;
    } else if (part.name.starts_with("contract ") && part.plus < 0) {
      why->push_back("the contract " + part.name.substr(9) + " takes " + Short(-part.plus) + " off its value");
    } else if (part.name.starts_with("contract ")) {
      const std::string paid = part.name.substr(9) + "/" + request.items[item].item_id;
      const auto dual = std::ranges::find(request.served.duals, paid, &ServedDual::name);
      if (dual != request.served.duals.end())
        why->push_back("the contract " + part.name.substr(9) + " adds " + Short(dual->value) + " to its value");
    } else if (part.name.starts_with("boost ")) {
      why->push_back(part.name.substr(6) + " boosts it: value x " + Short(part.times) + " + " + Short(part.plus));
    }
  }
  if (position < 0) return;
  for (const ServedDraw& draw : request.served.draws) {
    if (draw.position != position) continue;
    why->push_back("it was drawn of " + std::to_string(draw.pool.size()) + ", with probability " +
                   Short(static_cast<double>(request.served.propensity[item])));
    is_placed = true;
  }
  if (is_placed || !outcome.is_solved() || item >= request.served.value.size()) return;
  std::int64_t first = position;
  for (const EventItem& other : request.items) {
    if (other.index >= 0) first = std::min<std::int64_t>(first, other.index);
  }
  const auto rank = static_cast<std::int64_t>(RankAmongShown(request, item));
  if (rank != position - first)
    why->push_back("by value it would be number " + std::to_string(rank + 1) +
                   " of this page; caps, floors, pins and draws put it at number " +
                   std::to_string(position - first + 1));
}

}  // namespace

std::vector<std::string> WhyOf(const Event& request, const SlateOutcome& outcome, std::size_t item,
                               const std::string& source) {
  std::vector<std::string> why;
  const std::string& channel = request.items[item].channel;
  if (!channel.empty())
    why.push_back(channel == "supplied" ? "the caller named it"
                                        : "it was found by " + channel + (source.empty() ? "" : ", source " + source));
  AddWorth(request, item, &why);
  AddPolicy(request, outcome, item, &why);
  for (const LeftOutByRule& one : outcome.left_out) {
    if (std::ranges::binary_search(one.items, static_cast<std::uint32_t>(item)))
      why.push_back("the rule " + one.rule + " leaves it out");
  }
  return why;
}

}  // namespace gfr

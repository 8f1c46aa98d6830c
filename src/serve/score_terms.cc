#include "serve/score_terms.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/json_number.h"
#include "feature/feature_view.h"
#include "model/encode.h"

namespace gfr {
namespace {

using Json = nlohmann::ordered_json;

std::string ThreeDigits(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", x);
  return text;
}

std::string ValueText(const ScoreTerm& term) {
  if (!term.category.empty()) return term.category + (term.unseen ? " (which its training did not have)" : "");
  return std::isnan(term.value) ? "missing" : ThreeDigits(static_cast<double>(term.value));
}

}  // namespace

std::map<float, std::string> CategoryTexts(const Model& model, const Event& request) {
  std::map<float, std::string> texts = model.category_names;
  const auto add = [&texts](std::string_view text) {
    if (!text.empty()) texts.try_emplace(CategoryCode(KeyOf(text)), text);
  };
  add(request.surface);
  for (const Property& p : request.context) add(p.text);
  for (const EventItem& item : request.items) {
    for (const Property& p : item.properties) add(p.text);
  }
  for (int type = 1; type < kEventTypes; ++type) add(EventTypeName(static_cast<EventType>(type)));
  return texts;
}

Result<ScoreExplainer> ScoreExplainer::Make(const BoundModel& model) {
  ScoreExplainer made(model);
  made.reads_.resize(made.model_->columns.size());
  for (const ObjectiveModel& objective : made.model_->objectives) {
    GFR_ASSIGN(TreeShap shap, TreeShap::Make(objective.forest));
    made.operations_ += shap.operations();
    made.objectives_.push_back(std::move(shap));
    for (const std::int32_t column : objective.forest.feature) {
      if (column >= 0) made.reads_[static_cast<std::size_t>(column)] = true;
    }
  }
  return made;
}

std::vector<ScoreTerms> ScoreExplainer::Explain(const float* row, const std::map<float, std::string>& texts) const {
  const std::size_t columns = model_->columns.size();
  std::vector<float> encoded(row, row + columns);
  EncodeCategories(*model_, encoded.data(), 1);
  std::vector<ScoreTerms> all;
  for (std::size_t o = 0; o < objectives_.size(); ++o) {
    const auto width = static_cast<std::size_t>(model_->objectives[o].forest.columns);
    std::vector<double> parts(width + 1);
    objectives_[o].Contributions(Rows(encoded.data(), 1, columns), 0, parts);
    ScoreTerms terms{.objective = model_->objectives[o].name, .expected = parts[width], .margin = parts[width]};
    std::vector<std::size_t> order;
    for (std::size_t k = 0; k < width; ++k) {
      terms.margin += parts[k];
      if (parts[k] != 0) order.push_back(k);
    }
    std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t k) { return std::fabs(parts[k]); });
    for (std::size_t n = 0; n < order.size(); ++n) {
      const std::size_t k = order[n];
      if (n >= kLargestTerms) {
        terms.others += parts[k];
        continue;
      }
      ScoreTerm term{.feature = model_->columns[k], .value = row[k], .adds = parts[k]};
      if (model_->categorical[k] && !std::isnan(row[k])) {
        const auto text = texts.find(row[k]);
        term.category = text != texts.end() ? text->second : "category " + std::to_string(std::lround(row[k]));
        term.unseen = std::isnan(encoded[k]);
      }
      terms.largest.push_back(std::move(term));
    }
    all.push_back(std::move(terms));
  }
  return all;
}

Json TermsJson(const std::vector<ScoreTerms>& terms) {
  Json json = Json::object();
  for (const ScoreTerms& of : terms) {
    Json largest = Json::array();
    for (const ScoreTerm& term : of.largest) {
      largest.push_back({{"feature", term.feature},
                         {"value", term.category.empty() ? JsonNumber(term.value) : Json(term.category)},
                         {"adds", term.adds}});
      if (term.unseen) largest.back()["unseen"] = true;
    }
    json[of.objective] = {
        {"expected", of.expected}, {"margin", of.margin}, {"largest", std::move(largest)}, {"others", of.others}};
  }
  return json;
}

std::vector<std::string> TermsInWords(const std::vector<ScoreTerms>& terms) {
  std::vector<std::string> words;
  for (const ScoreTerms& of : terms) {
    if (of.largest.empty()) continue;
    std::string text = of.objective + ": ";
    for (const ScoreTerm& term : of.largest)
      text += (&term == of.largest.data() ? "" : ", ") + term.feature + " = " + ValueText(term) +
              (term.adds > 0 ? " adds " : " takes ") + ThreeDigits(std::fabs(term.adds));
    words.push_back(text + " (of the margin " + ThreeDigits(of.margin) + ", where " + ThreeDigits(of.expected) +
                    " is expected)");
  }
  return words;
}

}  // namespace gfr

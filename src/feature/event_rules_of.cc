#include "feature/event_rules_of.h"

namespace gfr {

EventRules EventRulesOf(const PropertySchema& s) {
  EventRules rules;
  const auto add = [&](const std::vector<std::string>& names, const std::vector<bool>& categorical) {
    for (std::size_t i = 0; i < names.size(); ++i)
      rules.properties[names[i]] = categorical[i] ? PropertyType::kCategory : PropertyType::kNumber;
  };
  add(s.item_names, s.item_categorical);
  add(s.user_names, s.user_categorical);
  add(s.request_names, s.request_categorical);
  add(s.request_item_names, s.request_item_categorical);
  for (const std::string& name : s.vector_names) rules.properties[name] = PropertyType::kVector;
  return rules;
}

}  // namespace gfr

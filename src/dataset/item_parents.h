// ItemParents: which items are variants of one parent (sizes of one shoe), by the property that [catalogue] parent
// names.
//
// A purchase of a variant labels clicks on every item of the same parent. The last word of the log counts, as labels
// may know what comes later. Memory: 32 bytes an item that has a parent. Thread safety: a plain value.
#pragma once

#include <unordered_map>

#include "event/event.h"
#include "feature/feature_set.h"

namespace gfr {

class ItemParents {
 public:
  explicit ItemParents(const PropertySchema* schema = nullptr)
      : name_(schema != nullptr && schema->parent_property >= 0
                  ? schema->item_names[static_cast<std::size_t>(schema->parent_property)]
                  : "") {}

  bool are_declared() const { return !name_.empty(); }
  // The next change of the catalogue, in log order.
  void Add(const Event& update) {
    for (const EventItem& item : update.items) {
      for (const Property& p : item.properties) {
        if (p.name == name_) Set(KeyOf(item.item_id), ValueOf(p, /*categorical=*/true).category);
      }
    }
  }
  void Set(Key item, Key parent) {
    if (parent != 0) parent_of_[item] = parent;
  }
  // The item's parent; itself where it has none.
  Key Of(Key item) const {
    const auto at = parent_of_.find(item);
    return at == parent_of_.end() ? item : at->second;
  }

 private:
  std::string name_;
  std::unordered_map<Key, Key> parent_of_;
};

}  // namespace gfr

// ItemRows: the items' rows that a request's sources read: of this process's tables, or of a server's that published
// them.
//
// The lists name items by numbers of their own: dense ids of the tables, or places in the table of items that came with
// the lists' bytes (lists_codec.h). Thread safety: of one request.
#pragma once

#include <cstdint>
#include <span>

#include "state/shared_state.h"

namespace gfr {

class ItemRows {
 public:
  virtual ~ItemRows() = default;
  // Rows that are not in the catalogue are null. `rows` is as long as what is asked for.
  virtual void Get(std::span<const std::uint32_t> ids, std::span<const std::byte*> rows) const = 0;
  virtual void Find(std::span<const Key> items, std::span<const std::byte*> rows) const = 0;
  virtual Key KeyAt(std::uint32_t id) const = 0;
};

// Of this process's tables, at the pin's epoch. REQUIRES: both outlive it.
class TableItemRows final : public ItemRows {
 public:
  TableItemRows(const SharedState& shared, const Pin& pin) : shared_(shared), pin_(pin) {}
  void Get(std::span<const std::uint32_t> ids, std::span<const std::byte*> rows) const override {
    shared_.ItemRows(ids, pin_, rows);
  }
  void Find(std::span<const Key> items, std::span<const std::byte*> rows) const override {
    shared_.PrefetchItems(items);  // All at once, instead of waiting for one after the other.
    for (std::size_t i = 0; i < items.size(); ++i) rows[i] = items[i] != 0 ? shared_.FindItem(items[i], pin_) : nullptr;
  }
  Key KeyAt(std::uint32_t id) const override { return shared_.item_key(id); }
  const Pin& pin() const { return pin_; }

 private:
  const SharedState& shared_;
  const Pin& pin_;
};

}  // namespace gfr

#include "dataset/start_at_base.h"

#include "store/snapshot.h"

namespace gfr {

Status StartAtBase(EventSource& log, OnlineStore* store, bool open_epochs) {
  GFR_ASSIGN(const auto base, log.OpenBase());
  if (base == nullptr) return {};
  GFR_TRY(RestoreBase(*base, "the base of the log", open_epochs, store));
  GFR_ASSIGN(const Positions begin, log.Begin());
  if (static_cast<std::uint64_t>(store->next_offset()) == begin[0]) return {};
  return Error{ErrorCode::kCorrupt, "the base of the log is of offset " + std::to_string(store->next_offset()) +
                                        ", and the log begins at " + std::to_string(begin[0])};
}

Result<std::vector<std::pair<Key, Key>>> AliasesOfBase(EventSource& log) {
  GFR_ASSIGN(const auto base, log.OpenBase());
  if (base == nullptr) return std::vector<std::pair<Key, Key>>();
  return ReadBaseAliases(*base, "the base of the log");
}

Result<std::vector<std::pair<Key, Key>>> ParentsOfBase(EventSource& log, std::shared_ptr<const FeatureSet> features) {
  std::vector<std::pair<Key, Key>> parents;
  GFR_ASSIGN(const auto base, log.OpenBase());
  if (base == nullptr) return parents;
  const auto property = static_cast<std::size_t>(features->schema.parent_property);
  OnlineStore store(std::move(features));
  GFR_TRY(StartAtBase(log, &store));
  if (const auto open = store.shared().OpenEpochs(); !open.empty()) store.AdvanceTo(open.back());
  const SharedState& shared = store.shared();
  for (std::uint32_t id = 0; id < shared.item_count(); ++id) {
    const Key item = shared.item_key(id);
    if (const std::byte* row = shared.FindItem(item))
      parents.push_back({item, shared.Properties(row)[property].category});
  }
  return parents;
}

}  // namespace gfr

#include "dataset/start_at_base.h"

#include <cstring>

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

Result<std::vector<std::pair<Key, Key>>> AliasesOfBase(EventSource& log, std::shared_ptr<const FeatureSet> features) {
  std::vector<std::pair<Key, Key>> aliases;
  GFR_ASSIGN(const auto base, log.OpenBase());
  if (base == nullptr) return aliases;
  OnlineStore store(std::move(features));
  GFR_TRY(StartAtBase(log, &store));
  const VersionedTable& table = *store.user_tables()[2];
  for (std::uint32_t id = 0; id < table.size(); ++id) {
    const std::byte* row = table.At(id);
    if (row == nullptr) continue;
    Key to = 0;
    std::memcpy(&to, row, sizeof to);
    aliases.push_back({table.KeyAt(id), to});
  }
  return aliases;
}

}  // namespace gfr

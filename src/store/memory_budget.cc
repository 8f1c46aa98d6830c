#include "store/memory_budget.h"

#include <algorithm>

#include "base/size.h"

namespace gfr {
namespace {

template <typename F>
void ForEachTable(const OnlineStore& store, F&& each) {
  static constexpr const char* kUserTables[] = {"users", "sessions", "aliases", "hidden", "logins"};
  const auto users = store.user_tables();
  for (std::size_t t = 0; t < users.size(); ++t) each(kUserTables[t], *users[t], std::size_t{0});
  const auto shared = store.shared().tables();
  const auto& entities = store.features().entities;
  for (std::size_t t = 0; t < shared.size(); ++t) {
    const bool items = t == SharedState::kItems;
    each(items                     ? std::string_view("items")
         : t == SharedState::kShop ? std::string_view("shop")
                                   : std::string_view(entities[t - SharedState::kEntities].name),
         *shared[t], items ? store.shared().item_texts().memory_bytes() : 0);
  }
}

}  // namespace

std::vector<TableMemory> MemoryOf(const OnlineStore& store) {
  std::vector<TableMemory> tables;
  ForEachTable(store, [&](std::string_view name, const VersionedTable& table, std::size_t beside) {
    tables.push_back({std::string(name), table.entities(), table.row_bytes(), table.memory_bytes() + beside});
  });
  return tables;
}

std::uint64_t MemoryBytes(const OnlineStore& store) {
  std::uint64_t bytes = 0;
  ForEachTable(store, [&](std::string_view, const VersionedTable& table, std::size_t beside) {
    bytes += table.memory_bytes() + beside;
  });
  return bytes;
}

Status CheckMemory(const OnlineStore& store, std::uint64_t limit_bytes) {
  const std::uint64_t used = limit_bytes == 0 ? 0 : MemoryBytes(store);
  if (used <= limit_bytes) return {};
  std::vector<TableMemory> tables = MemoryOf(store);
  std::ranges::sort(tables, std::greater(), &TableMemory::bytes);
  std::string text;
  for (std::size_t t = 0; t < std::min<std::size_t>(tables.size(), 3); ++t) {
    text += std::string(t == 0 ? "" : ", ") + std::to_string(tables[t].entities) + " " + tables[t].name + " of " +
            std::to_string(tables[t].row_bytes) + " bytes take " + FormatSize(tables[t].bytes);
  }
  return Error{ErrorCode::kResourceExhausted, "the states take " + FormatSize(used) + ", more than the " +
                                                  FormatSize(limit_bytes) + " of [store] memory: " + text};
}

}  // namespace gfr

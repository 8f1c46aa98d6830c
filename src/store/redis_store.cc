#include "store/redis_store.h"

#include <cstdio>

namespace gfr {
namespace {

// Rows of other definitions have names of their own.
RedisRowsConfig ConfigOf(const RedisAddress& address, const char* what, const FeatureSet& set,
                         const std::vector<const VersionedTable*>& tables, std::int64_t wait_ms) {
  char space[64];
  std::snprintf(space, sizeof space, "%s:%016llx", what, static_cast<unsigned long long>(set.fingerprint));
  RedisRowsConfig config{.server = address, .space = space, .row_bytes = {}, .timeout_ms = wait_ms};
  for (const VersionedTable* table : tables) config.row_bytes.push_back(table->row_bytes());
  return config;
}

}  // namespace

RedisFeatures::RedisFeatures(const RedisAddress& address, const OnlineStore& layout, std::int64_t wait_ms)
    : users_(ConfigOf(address, "users", layout.features(), layout.user_tables(), wait_ms)),
      shared_(ConfigOf(address, "shared", layout.features(), layout.shared().tables(), wait_ms)),
      features_(layout.shared_features(), users_, shared_, layout.shared()) {}

RedisStore::RedisStore(const RedisAddress& address, OnlineStore& store, const std::string& owner, std::int64_t ordinal,
                       std::int64_t wait_ms)
    : store_(store),
      users_(ConfigOf(address, "users", store.features(), store.user_tables(), wait_ms), store.user_tables(), owner,
             ordinal),
      shared_(ConfigOf(address, "shared", store.features(), store.shared().tables(), wait_ms), store.shared().tables(),
              owner, ordinal),
      reader_(address, store, wait_ms) {}

Status RedisStore::Take() {
  GFR_TRY(users_.Take());
  GFR_TRY(shared_.Take());
  taken_ = true;
  return {};
}

Status RedisStore::Publish(Mutex& writer) {
  if (!taken_) GFR_TRY(Take());
  std::vector<RowChange> users, shared;
  std::optional<Pin> users_now, shared_now;
  {
    const MutexLock lock(writer);
    users = store_.TakeUserChanges();
    shared = store_.TakeSharedChanges();
    users_now.emplace(store_.users().Hold());
    shared_now.emplace(store_.shared().timeline().Hold());
  }
  const Status done = users_.Publish(*std::move(users_now), users);
  const Status too = shared_.Publish(*std::move(shared_now), shared);
  fenced_ = users_.fenced() || shared_.fenced();
  return done.ok() ? too : done;
}

}  // namespace gfr

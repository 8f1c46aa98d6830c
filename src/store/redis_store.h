// RedisStore: an OnlineStore's rows in a Redis too: what its writer folded is published there, and requests read there.
//
// The owning process folds and publishes (one at a time; another that takes over fences it); feeds of any process read
// what was published, at one stamp of users' rows and one epoch. With the server gone, reads give missing values and
// say `degraded`; when it is back the owner writes all rows again.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/sync.h"
#include "state/online_store.h"
#include "store/online_address.h"
#include "store/redis_rows.h"

namespace gfr {

// The rows that some owner published, as any process reads them; of one without a store of its own too.
class RedisFeatures {
 public:
  // `layout` says how rows lie: a store of the owner's definitions, which outlives it and may be empty. A read that
  // takes longer than `wait_ms` gives missing values.
  RedisFeatures(const RedisAddress& address, const OnlineStore& layout, std::int64_t wait_ms);
  const FeatureReader& features() const { return features_; }  // From any thread.
  bool up() const { return users_.up() && shared_.up(); }

 private:
  RedisRowReader users_, shared_;
  FeatureReader features_;
};

class RedisStore {
 public:
  // `store` is shared and tracked (OnlineStore::Share, Track), and outlives it. `ordinal`: above every earlier owner's
  // (the time of start in ms). `wait_ms`: as RedisFeatures.
  RedisStore(const RedisAddress& address, OnlineStore& store, const std::string& owner, std::int64_t ordinal,
             std::int64_t wait_ms);

  Status Take();  // Becomes the owner. kUnavailable: no server; Publish tries again.
  // Publishes what the writer published: takes `writer`, the lock of the store's writer, for a moment only. By one
  // thread. kUnavailable: the server is away, or another process is the owner now.
  Status Publish(Mutex& writer);
  // Another process took over: what is there is not this one's any more. From any thread, known with the next Publish.
  bool fenced() const { return fenced_; }
  const FeatureReader& features() const { return reader_.features(); }  // From any thread.

 private:
  OnlineStore& store_;
  bool taken_ = false;
  std::atomic<bool> fenced_ = false;
  RedisRowOwner users_, shared_;
  RedisFeatures reader_;
};

}  // namespace gfr

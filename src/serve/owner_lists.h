// OwnerLists: the lists of candidates that a reader got from its owner (GET /v1/lists, docs/formats/lists.md).
//
// A job calls Fetch beside serving. New lists are decoded first and then swapped whole; after an error those that came
// last stay. Thread safety: all calls; one Fetch at a time.
#pragma once

#include <memory>
#include <string>

#include "base/sync.h"
#include "feature/feature_set.h"
#include "retrieve/list_maker.h"
#include "runtime/scheduler.h"
#include "serve/owner_client.h"

namespace gfr {

class OwnerLists {
 public:
  // `schema`: of the reader's catalogue. Both must outlive it.
  OwnerLists(OwnerClient& owner, const PropertySchema& schema) : owner_(owner), schema_(schema) {}

  // Asks the owner for other lists than those that are here. kUnavailable: it does not answer, or has none now;
  // kCorrupt, kInvalidArgument: what it sent cannot be used.
  Status Fetch(const std::string& authorization, const JobRun& run);

  struct View {
    std::shared_ptr<const CandidateLists> lists;  // Null: none came yet.
    // The owner gives no others. It stays so while the owner is away, as the rows that it published do not change
    // either. Else the owner has lists that could not be had or used.
    bool current = false;
  };
  View Now() const;

 private:
  OwnerClient& owner_;
  const PropertySchema& schema_;
  std::string tag_;  // Of Fetch: the ETag of the lists that are here.
  mutable Mutex mutex_;
  View now_;
};

}  // namespace gfr

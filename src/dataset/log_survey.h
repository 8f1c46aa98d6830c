// LogSurvey: what is to be known of a whole log before it is replayed, by one reading: who is whom after all aliases,
// which items are variants of which, which label events name no request, when those of sampled slates came, and, of a
// log that might not fit into memory, how many partitions it takes.
//
// Memory: the aliases, and at most a sixteenth of DatasetOptions::memory_bytes for label events. Thread safety: const
// calls from any thread.
#pragma once

#include <vector>

#include "dataset/event_times.h"
#include "dataset/kept_digest.h"
#include "dataset/row_builder.h"
#include "state/epoch_starts.h"

namespace gfr {

class LogSurvey {
 public:
  // Reads `log` once, and only the types that it has a use for. With KeptRows::digest of `options` it reads from
  // KeptDigest::warm on, and stops early where something new may change what is settled: unsettles() says what.
  static Result<LogSurvey> Of(EventSource& log, const std::shared_ptr<const FeatureSet>& features,
                              const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options);
  const std::string& unsettles() const { return unsettles_; }
  double needed_bytes() const { return needed_bytes_; }  // Of the states; 0: they fit in any case.

  const AliasHistory& people() const { return people_; }
  const ItemParents& parents() const { return parents_; }
  // The number that `options` asks for; or 1 when the users' state fits into two thirds of its memory, else as many as
  // that takes.
  int partitions() const { return partitions_; }
  // By which slates are judged; null: nobody can know.
  const std::shared_ptr<const EpochStarts>& epoch_starts() const { return starts_; }
  // The lines of the label events of the first objective with sampled slates; none without one.
  const LinesOverTime& sampled_lines() const { return sampled_lines_; }
  // Tells `builder` of the label events. False: they were too many to keep, and are to be read again.
  bool AwaitAll(RowBuilder& builder) const;

 private:
  Status Begin(const KeptDigest& digest);  // Who is whom by the records before.

  struct Awaited {
    Key person, item;
    std::uint64_t offset;
    bool is_user;  // `person` is a user before aliases; else it is the person.
  };
  AliasHistory people_;
  ItemParents parents_;
  LinesOverTime sampled_lines_;
  std::shared_ptr<const EpochStarts> starts_;
  int partitions_ = 1;
  std::vector<Awaited> awaited_;
  bool has_all_awaited_ = true;
  std::string unsettles_;
  double needed_bytes_ = 0;
};

}  // namespace gfr

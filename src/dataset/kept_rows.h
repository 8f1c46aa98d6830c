// KeptRows: what the last replay of a log read, kept in a folder, so that the next one reads only what is new.
//
// Kept are the values of all rows (value_file.h), the states 25 h before the log's end (store/snapshot.h), and what was
// made of records that are old enough (settled_rows.h). The next replay gives the latter as they are, takes the values
// of the rows behind, folds the log from those states on, and reads what came since. Where something new may change
// what is settled (a login of an id that acted before, a label that comes late), labels, aliases and who is left out
// are made anew, of the whole log, with the values that are kept. So the rows equal those of a full replay bit for bit.
// What is kept is used only where it must be so: the log begins with the same records (a hash chained over all of
// them), and the features, their order and the kinds of rows are the same. All else is a full replay, whose reason is
// logged: another definition, a log that was erased from or trimmed, a broken file, a row that uses an item that no row
// had used before.
//
//   manifest    of which log and definitions it is, and which files count
//   part-*      values of closed requests and of events of their own; one file a replay
//   open-*      values of requests that may still be clicked
//   state-*     the states
//   settled-*   what is settled; a file a replay
//   digest-*    what is to be known of the records without reading them (kept_digest.h)
//
// A replay writes beside what is there and publishes the manifest last, so after a crash the old ones count. The folder
// holds what users did: whoever erases users removes it (operations/erase_users.h), which also ends the keeping of a
// replay that runs. One process at a time keeps; another one that replays meanwhile neither reads nor writes it.
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/kept_digest.h"
#include "dataset/row_values.h"
#include "dataset/settled_rows.h"
#include "dataset/value_file.h"
#include "log/local_log.h"

namespace gfr {

// Beside the log: "data/log.rows".
inline std::string KeptRowsFolder(const std::string& log_folder) { return log_folder + ".rows"; }

// What the folder has, for those who report it.
struct KeptRowsSize {
  std::uint64_t bytes = 0, files = 0;
};
KeptRowsSize MeasureKeptRows(FileSystem& fs, const std::string& folder);

class KeptRows final : public RowValues {
 public:
  // How far before the log's end the states stand: a request is open for a day, and what was read before its record
  // was so within an hour.
  static constexpr std::int64_t kOverlapMs = 25 * std::int64_t{3'600'000};

  KeptRows(FileSystem& fs, std::string log_folder, std::string folder)
      : fs_(fs), log_(fs, std::move(log_folder)), folder_(std::move(folder)) {}

  // Reads what is kept, and the log's records that it is of, and opens the files to be written. Where it cannot be used
  // or nothing can be kept, that is no error. Errors: the log's.
  Status Begin(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives,
               const DatasetOptions& options = {});
  // After Begin: this replay is none whose rows can be kept. What was there stays; what Begin made is removed.
  void Leave();
  // After a replay that missed: all is read, and kept anew; the next Begin has nothing to do.
  Status StartOver(const std::string& why);

  // Whether old values are taken. If so:
  bool usable() const { return usable_; }
  std::uint64_t end() const { return old_.end; }        // Behind the last record that is known.
  std::uint64_t resume() const { return old_.resume; }  // Where the states stand.
  std::int64_t resume_epoch_ms() const { return old_.resume_epoch_ms; }
  std::uint64_t compared() const { return compared_; }  // Records that Begin read, of segments that it did not know.
  const Dataset& about() const { return old_.about; }   // Of the records before end().
  Status Restore(OnlineStore* store);

  // Of the records before end(); null: nothing is settled, or it is of no use (Unsettle).
  const KeptDigest* digest() const { return usable_ && settled_ ? &digest_ : nullptr; }
  // Something new may change what is settled: it is made anew, with the values that are kept.
  void Unsettle(const std::string& why);
  // Gives what is settled to `sink`. `features`: as Begin's. An error is a Miss.
  void GiveSettled(const FeatureSet& features, const std::vector<ObjectiveConfig>& objectives, const LeftOut* left_out,
                   RowSink& sink);
  // Takes what will be settled for the next replay; null: nothing is kept.
  SettledWriter* settling() { return keeps_ ? settling_.get() : nullptr; }
  KeptDigest& next_digest() { return next_digest_; }
  void Fail(const Status& status);  // Unless it is well, nothing is kept this time.

  // Of a replay, in this order.
  void BeginsAt(std::uint64_t first_offset);
  void AddRecord(const LogRecord& record, std::string_view encoded);  // Every one from end() on, else from the first.
  bool WantsState(const LogRecord& next, std::int64_t end_ms) const;
  void KeepState(OnlineStore& store, std::int64_t epoch_end_ms);  // RowBuilder::epoch_end_ms.
  void Publish(const Dataset& about);                             // What cannot be written is logged, and not kept.

  // RowValues:
  bool Take(const ReadInstant& at, Key request, bool is_readable, std::span<float> features,
            std::span<float> popularity, std::vector<bool>* known) override;
  void Names(std::uint64_t offset, Key request) override;
  void Keep(const ReadInstant& at, bool is_closed, std::span<const float> features, std::span<const float> popularity,
            const std::vector<bool>& used) override;
  void Miss(std::uint64_t offset, const char* what) override;
  bool missed() const override { return !missed_.empty(); }
  void Doubt(const std::string& why) {  // What was made so far is to be thrown away.
    if (missed_.empty()) missed_ = why;
  }
  const std::string& why_missed() const { return missed_; }

 private:
  struct File {
    std::string name;
    std::uint64_t bytes = 0;
  };
  struct Manifest {
    std::uint64_t fingerprint = 0, generation = 0;
    std::uint64_t first = 0, end = 0, hash = 0;  // Offsets; of the records between them.
    std::uint64_t resume = 0;                    // Offset of the states.
    std::int64_t resume_epoch_ms = 0;            // RowBuilder::epoch_end_ms there.
    std::int64_t closed_before_ms = 0;           // Requests that arrived before are in a part.
    std::vector<File> parts;
    File open, state, digest;
    std::vector<File> settled;
    Dataset about;  // Without rows.
  };
  Result<Manifest> ReadManifest() const;
  std::string WriteManifest(const Manifest& manifest) const;
  Result<std::string> WhyNot();  // Why the kept ones cannot be used; empty: they can.
  Status OpenFiles();
  Status MarkSegments();
  Status SameRecords(bool* same);
  void AddToHash(std::uint64_t* hash, const LogRecord& record, std::string_view encoded);
  Status Store(const Dataset& about);
  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }

  FileSystem& fs_;
  LocalLog log_;
  const std::string folder_;
  std::unique_ptr<FileLock> lock_;
  std::size_t columns_ = 0;
  bool usable_ = false, keeps_ = false, has_state_ = false, started_over_ = false;
  std::string missed_;
  Manifest old_, next_;
  std::unique_ptr<ValueReader> values_;
  std::unordered_set<Key> named_;  // Requests that records from end() on name.
  std::unique_ptr<ValueWriter> part_, open_;
  std::map<std::uint64_t, SegmentMark> segments_;       // Closed when this replay began.
  std::map<std::uint64_t, std::uint64_t> hash_before_;  // The hash of all records before a segment, by its offset.
  std::vector<std::uint64_t> firsts_;                   // Of all segments.
  std::size_t next_first_ = 0;
  std::uint64_t compared_ = 0;
  bool settled_ = false;
  KeptDigest digest_, next_digest_;
  std::unique_ptr<SettledWriter> settling_;
};

}  // namespace gfr

// Dataset: rows with labels, and slates to rank, made by replaying the log through the OnlineStore.
//
// A row of an objective whose population event names a request has that request's features (read at the request); a row
// of a single event is read strictly before the event. Labels as docs/ARCHITECTURE.md, "Labels": `any`, within the
// window, rows younger than it dropped. A click that names no request labels the user's latest impression of the item
// within the window. A request that the server logged is read at its own as_of, now and epoch; an imported one reads
// everything before its position.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "dataset/objective_config.h"
#include "log/event_source.h"
#include "state/online_store.h"

namespace gfr {

struct ObjectiveRows {
  std::vector<float> features;  // rows x columns, row-major.
  std::vector<float> label;     // 0 or 1, by the objective's horizon; with the link mean the amount.
  std::vector<float> whole;     // By its window: RowPlace::whole. Empty: as `label`.
  std::vector<Key> user;
  std::vector<std::int64_t> arrival_ms;
  std::vector<std::uint64_t> offset;   // Of the population event.
  std::vector<Key> request;            // Of its user and request; of the event where it names none.
  std::vector<std::int32_t> position;  // Where its item was shown (RowPlace).
  std::vector<float> led_on;           // RowPlace::led_on.
  std::size_t size() const { return label.size(); }
};

// Where a row comes from.
struct RowPlace {
  std::uint64_t offset;  // Of the population event.
  std::uint32_t line;    // Of its items.
  Key user;
  std::int64_t arrival_ms;
  Key session = 0, item = 0, request = 0;  // As the event names them.
  std::int64_t as_of = -1, now_ms = 0;     // Where and when its features were read.
  std::int32_t position = 0;               // As the event says of its item, else its line: from 0.
  // Of an impression: whether it was clicked and that click is a positive of NextObjective (1, 0); NaN: there is no
  // such objective, or the row is younger than both windows together.
  float led_on = kMissing;
  float whole =
      kMissing;  // Its label (1, 0) within the whole window; NaN: it is younger, which an early window allows.
  float amount = kMissing;  // Of an objective with the link mean: its label. NaN: of any other.
};

// The label of a row that is positive or not.
inline float LabelOf(const RowPlace& place, bool positive) {
  return place.amount == place.amount ? place.amount : positive ? 1.0f : 0.0f;
}

// What rows of one request have in common, and no others: its user and request, else the event.
inline Key RequestOf(const RowPlace& place) {
  return place.request ? PairKey(place.user, place.request) : PairKey(place.user, ~place.offset);
}

// A slate that was shown and clicked.
struct SlateRow {
  Key user, session;
  std::int64_t arrival_ms;
  std::uint64_t offset;        // Of its impression.
  std::uint64_t click_offset;  // Of its first click; of its impression where that click stands before it.
  std::size_t first;           // Index of its first item in Dataset::slate_features, in rows.
  int items;
  int clicked = -1;                            // Index of the first clicked item in the slate; -1: not in it.
  bool untouched;                              // None of its items was touched earlier in the session.
  std::vector<float> popularity, most_recent;  // Scores of the baselines.
};

// A place of a slate that the server filled by chance, with a known probability, and that the user was shown: drawn
// from a pool, or the upper of two neighbours that a coin put in order (its pool is the two; both were shown).
struct ChoiceRow {
  Key user;
  std::int64_t arrival_ms;
  std::uint64_t offset;   // Of its impression.
  std::uint32_t line;     // Of the impression's items.
  std::size_t first;      // Index of the pool's first item in Dataset::choice_features, in rows.
  int pool, shown;        // How many candidates could have been drawn; which of them was.
  std::int32_t position;  // Where, from 0.
  float propensity;       // With which it was.
  bool clicked;           // The user clicked it within the window of the first objective of impressions.
  bool swapped = false, clicked_below = false;  // Of a pair: and the lower one likewise.
};

struct Dataset {
  std::size_t columns = 0;
  std::vector<ObjectiveRows> objectives;
  std::vector<SlateRow> slates;  // In log order.
  std::vector<float> slate_features;
  std::vector<ChoiceRow> choices;  // In log order; with DatasetOptions::choices.
  std::vector<float> choice_features;
  std::int64_t first_arrival_ms = 0, last_arrival_ms = 0;
  std::uint64_t records = 0;
  std::map<float, std::string> category_names;  // Of category codes in rows, for reports; at most 20,000.
  bool simulated = false;                       // Some of the events are the simulator's.
  bool sampled = false;                         // Rows of impressions, and slates, are sampled (SampledSlates).
  // Numbers in the log that no row can hold (infinite, or 3.5e38 and more), which count as missing; and the first one.
  std::uint64_t huge_numbers = 0;
  std::string first_huge;  // "price of item 'i7' is 1e+39 in event 'e1' (offset 12, 2026-01-05T10:00:00Z)"
};

// `data` with these of its columns alone, in this order. They may be all of them.
Dataset SelectColumns(Dataset data, const std::vector<std::uint32_t>& columns);

// [dataset]: whose events make no rows, slates or choices. They still count in features, as they do when serving.
struct LeaveOutConfig {
  bool robots = false;             // Those that event/activity.h takes for one, by all of the log.
  std::vector<std::string> users;  // Ids of users: staff, tests, monitoring.
};

// Why a population event's line made no row.
enum class DropReason : std::uint8_t {
  kImmature,      // Younger than the objective's horizon.
  kRobot,         // LeaveOutConfig::robots.
  kLeftOut,       // LeaveOutConfig::users.
  kNoRequest,     // An impression whose request is not in the log.
  kNotInRequest,  // An item that its request does not have.
  kBadSlate,      // An impression whose request's record says what cannot have been (state/slate_check.h).
  kNotOnSale,     // A label event's item that is not on sale as of its epoch, of which no slate is sampled.
};
inline constexpr const char* kDropReasons[] = {"immature",       "robot",     "left_out",   "no_request",
                                               "not_in_request", "bad_slate", "not_on_sale"};

class LeftOut;
class KeptRows;
inline constexpr double kJudgedBytes = 256u << 20;

struct DatasetOptions {
  std::int64_t from_ms = INT64_MIN, to_ms = INT64_MAX;  // Rows by arrival; the log before is replayed for state.
  bool drop_immature = true;
  bool slates = true;    // Keep slates to rank.
  bool choices = false;  // Keep places filled by chance, each with all that could have been there.
  // A log is replayed by partitions of users: their records are written to files first, then each partition is replayed
  // by itself. Any number of workers and partitions gives equal bytes. 0 partitions: as many as `memory_bytes` asks
  // for, which is one, and no files, for a small log.
  int workers = 1, partitions = 0;
  std::uint64_t memory_bytes = 4ull << 30;
  LeaveOutConfig leave_out = {};
  std::shared_ptr<const LeftOut> left_out = nullptr;  // Made of `leave_out` by BuildRows.
  // Of sampled slates, by BuildRows: label events that are judged against all items on sale arrive from then on, and
  // are a share of all such that their rows take no more than kJudgedBytes.
  std::int64_t judged_from_ms = INT64_MAX;
  std::uint64_t judged_events = 0;  // Of which that share is taken.
  std::string scratch_folder = {};  // For those files, made and removed. REQUIRED for partitions.
  // What the last replay of the log read (kept_rows.h), to be taken and kept anew; null: everything is read. It is left
  // alone, and the log says so, where rows are of a time range or of sampled slates, or made by partitions.
  KeptRows* kept = nullptr;
};

Result<Dataset> BuildDataset(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                             const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options);
// The same rows, given to `sink` in log order and not kept; with it goes what of Dataset is not rows. kUnavailable with
// DatasetOptions::kept when KeptRows::missed(): nothing that `sink` has is of use, and the caller starts over.
class RowSink;
Result<Dataset> BuildRows(FileSystem& fs, EventSource& log, std::shared_ptr<const FeatureSet> features,
                          const std::vector<ObjectiveConfig>& objectives, const DatasetOptions& options, RowSink& sink);

}  // namespace gfr

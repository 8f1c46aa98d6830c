// ServedSlate: what the server adds to a feed.request that it served: enough to explain the slate, to replay it bit for
// bit, and to judge other policies on its draws.
//
// The candidates themselves (ids, sources, what the caller said of them) are the event's items, in the order in which
// they were read; EventItem::index is the position shown, -1 not shown, EventItem::channel the source. A *full* record
// has the features and scores of every candidate. A *pruned* one (feed/slate_record.h) has those of what was shown and
// of every pool that was drawn from, and of all candidates one checksum a column: a replay from `positions` gives the
// rest. Item indexes below are indexes of the event's items. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace gfr {

// The last record of a partition that was folded when the features were read; offset -1: none was.
struct LogPosition {
  std::uint32_t partition = 0;
  std::int64_t offset = -1;
  bool operator==(const LogPosition&) const = default;
};

// Of the id under which the request was answered. Written to disk: append-only.
enum class UnitKind : std::uint8_t { kNone = 0, kLogin = 1, kUser = 2, kSession = 3 };

// Written to disk: append-only.
enum class ModelRole : std::uint8_t { kNone = 0, kChampion = 1, kChallenger = 2, kShadow = 3, kVariant = 4 };

struct ServedModel {
  std::string name;  // "name/version".
  ModelRole role = ModelRole::kNone;
  bool operator==(const ServedModel&) const = default;
};

// What was assigned, of one experiment.
struct ServedExperiment {
  std::string experiment, variant;
  bool overridden = false;  // By the override header: in no analysis.
  bool operator==(const ServedExperiment&) const = default;
};

// An index (index/) that candidates came from.
struct ServedIndex {
  std::string name, version;
  bool operator==(const ServedIndex&) const = default;
};

// What a model predicts of one objective.
struct ServedScores {
  std::uint32_t model = 0;  // Index into ServedSlate::models.
  std::string objective;
  std::vector<float> values;  // One an item; NaN where ServedSlate::scored has not the item.
  // The same at the position shown, of a model that reads it (a feature of type position; `values` are at its
  // reference then); NaN of what was not shown. Empty: the model does not.
  std::vector<float> at_shown;
};

// One feature of the candidates.
struct ServedColumn {
  std::uint64_t fingerprint = 0;  // 0: of a record of format 1 to 4, which has the whole row's fingerprint alone.
  std::uint32_t crc = 0;          // CRC32C of the values of all items in order, as 4 little-endian bytes each.
  std::vector<float> values;      // One of each item in ServedSlate::kept.
};

// A position that was filled by chance.
struct ServedDraw {
  std::int32_t position = 0;
  std::vector<std::uint32_t> pool;  // Item indexes, ascending: what could have been drawn.
  std::vector<float> probability;   // One each; empty: all the same.
  bool operator==(const ServedDraw&) const = default;
};

// A multiplier of the policy (an exposure contract's price).
struct ServedDual {
  std::string name;
  double value = 0;
  bool operator==(const ServedDual&) const = default;
};

// The merge of two rankings into this slate (experiment/interleaving.h). Its coins are among the draws.
struct ServedInterleaving {
  std::string experiment;     // Empty: the slate is of one ranking.
  std::vector<float> credit;  // By position: above 0 for the first arm, below 0 for the second; 0: none.
  bool operator==(const ServedInterleaving&) const = default;
};

struct ServedSlate {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

  std::vector<LogPosition> positions;        // Of each partition whose state was read; none: not served by us.
  std::int64_t now_ms = 0;                   // The read's instant.
  std::int64_t epoch_end_ms = 0;             // End of the sealed epoch in use.
  std::int64_t lists_epoch_end_ms = kNever;  // Of the lists that candidates came from; kNever: none were used.
  std::vector<ServedIndex> indexes;
  std::uint64_t configuration = 0;  // Fingerprint of the configuration in use; 0: not known.
  std::string feed;                 // Name of the [[feed]] that answered.
  std::string unit;
  UnitKind unit_kind = UnitKind::kNone;
  std::vector<ServedExperiment> experiments;
  std::vector<ServedModel> models;
  std::uint64_t feature_fingerprint = 0;  // Of the row of all columns.
  std::vector<std::uint32_t> kept;        // Item indexes, ascending, whose features are here.
  std::vector<ServedColumn> columns;
  std::vector<std::uint32_t> scored;  // Item indexes, ascending, whose scores are here.
  std::vector<ServedScores> scores;
  std::vector<float> value;       // What the slate was sorted by; one an item, NaN where `scored` has it not.
  std::vector<float> propensity;  // One an item.
  std::vector<ServedDraw> draws;  // In the order in which they were drawn.
  std::string policy;             // Version of the policy's settings and duals.
  std::vector<ServedDual> duals;
  // Each k: a coin put the items of positions k and k + 1 in order ([feed.swap]): the upper one's propensity is 0.5,
  // and the lower one's, given the upper, 1.
  std::vector<std::int32_t> swaps;
  ServedInterleaving interleaving;
  std::string cursor;  // Of a paged feed: where this page begins, and the request id of its first page.
  std::string first_request;
  float took_ms = std::numeric_limits<float>::quiet_NaN();  // From the request's arrival to this record.
  // Fields of the record that this version does not know, as they were written; written again with the record.
  std::string unknown;

  bool exists() const { return !positions.empty(); }
  // Offset in the local log (partition 0) of the last record folded; -1: none was.
  std::int64_t as_of() const {
    for (const LogPosition& p : positions) {
      if (p.partition == 0) return p.offset;
    }
    return -1;
  }
  // nullptr: no model of the record has the objective. `model`: index into models.
  const ServedScores* Find(std::string_view objective, std::uint32_t model = 0) const {
    for (const ServedScores& s : scores) {
      if (s.model == model && s.objective == objective) return &s;
    }
    return nullptr;
  }
  // Row of an item in the columns' values, -1: its features are not here.
  std::int64_t RowOf(std::uint32_t item) const;
  bool IsScored(std::uint32_t item) const;
};

// Keeps the features (row-major, items x fingerprints.size()) of `kept` (ascending item indexes), and the checksums of
// all.
void SetColumns(const std::vector<std::uint64_t>& fingerprints, const std::vector<float>& features, std::size_t items,
                std::vector<std::uint32_t> kept, ServedSlate* slate);

// 0, 1, ..., n - 1.
std::vector<std::uint32_t> AllItems(std::size_t n);

}  // namespace gfr

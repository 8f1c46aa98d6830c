// RowValues: values that a RowBuilder need not read from its store, because an earlier replay of the same records did;
// and who is told which values rows use, so that they are kept.
//
// What a record's items are read as is a function of the log before it and of the feature definitions alone: labels,
// later aliases and who is left out do not change it. So values are known by their record and by where and when they
// were read (ReadInstant); everything else of a row is made anew. Thread safety: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/hash.h"

namespace gfr {

// Where and when the items of a record were read.
struct ReadInstant {
  std::uint64_t offset;  // Of the record.
  std::int64_t arrival_ms;
  std::int64_t as_of;  // Of the last record that was folded.
  std::int64_t now_ms, epoch_end_ms;
  std::uint32_t items;
  bool is_request;  // As a request's slate; else as the items of an event of its own.
  bool operator==(const ReadInstant&) const = default;
};

// Where the features of a row, or of a slate's items, were read: which items of which record.
struct ItemsRead {
  ReadInstant at;
  std::vector<std::uint32_t> items;
};

class RowValues {
 public:
  virtual ~RowValues() = default;
  // Fills what is known of the record's items: `features` is items x columns, `popularity` has a number an item, or
  // none, `known` says of which items. `is_readable`: the caller can read them itself. False: it is to do so; or it
  // cannot, and the replay is of no use (Miss). `request`: as ReadInstant::is_request; its key, else 0.
  virtual bool Take(const ReadInstant& at, Key request, bool is_readable, std::span<float> features,
                    std::span<float> popularity, std::vector<bool>* known) = 0;
  // An event at `offset` names a request: rows of it may use items that no row used before.
  virtual void Names(std::uint64_t offset, Key request) = 0;
  // Rows use these items of the record, or may use them once they are mature or nobody is left out. `is_closed`: no
  // later record can use more of them.
  virtual void Keep(const ReadInstant& at, bool is_closed, std::span<const float> features,
                    std::span<const float> popularity, const std::vector<bool>& used) = 0;
  // A row wants what is neither known nor to be read: what was made so far is to be thrown away.
  virtual void Miss(std::uint64_t offset, const char* what) = 0;
  virtual bool missed() const = 0;
};

}  // namespace gfr

// FeatureView: one feature definition, ready to run.
//
// The same object serves the stream, the replay and the request, which is why what a model was trained on and what it
// is served with are equal bit for bit. A view holds no data: an entity's state is a plain run of bytes that its owner
// keeps, 8-aligned, a multiple of 8 bytes, zero when new. Unknown is NaN. Thread safety: const calls from any thread;
// one state is folded or read by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "base/hash.h"
#include "event/event.h"

namespace gfr {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// Whose state a view keeps. User and session state is fresh to the last event; shared state is visible in sealed
// epochs.
enum class Scope : std::uint8_t { kRequest = 0, kUser = 1, kSession = 2, kShared = 3 };

// A property of an item or a user: a number or the key of a category; missing is NaN and 0.
struct PropertyValue {
  double number = std::numeric_limits<double>::quiet_NaN();
  Key category = 0;
};

inline constexpr std::int64_t kNoMoney = std::numeric_limits<std::int64_t>::min();

// One item of one event: an impression of 20 items is 20 lines with one time. An event without items is one line with
// item 0.
struct EventLine {
  EventType type;
  Key kind;  // item.view, search, filter: key of the event's kind.
  Key item;
  std::int64_t time_ms;  // Event time.
  std::int32_t index;    // Place in its slate, -1 unknown.
  bool step;             // The first line of an event that a user did (not of an impression).
  std::span<const PropertyValue> item_properties =
      {};  // In the schema's order, as of the line's epoch; the line's own price in it.
  const float* item_vectors =
      nullptr;  // The item's vector properties, PropertySchema::vector_width floats; null: none.
  std::int32_t quantity = 1;
  std::int64_t money_minor = kNoMoney;  // Price x quantity in hundredths; of a line without an item the event's value.
  Key surface = 0;
  Key last_item = 0;  // The item that the session touched last, before this event.
};

struct FeatureSpec {
  std::string name;
  Scope scope = Scope::kRequest;
  bool categorical = false;  // The column holds CategoryCode()s.
  std::uint32_t state_bytes = 0;
  std::uint64_t fingerprint = 0;    // Changes when the same log would give other values (column_fingerprint.h).
  std::string canonical;            // What the [[feature]] table says, without its name.
  std::string state;                // Features of one scope (and entity) and an equal text have equal states.
  std::uint32_t event_types = ~0u;  // Bit t: events of EventType t may change the state; of others Fold is not called.
};

struct ReadContext {
  std::int64_t now_ms;        // The request's instant: the clock of user state.
  std::int64_t epoch_end_ms;  // End of the sealed epoch in use: the clock of shared state.
  std::span<const Key> items;
  const PropertyValue* item_properties;  // items x item_property_count.
  std::size_t item_property_count;
  std::span<const PropertyValue> user_properties;
  bool supplied;  // The caller gave the order of the candidates: their index is the supplied rank.
  const float* const* item_vectors =
      nullptr;  // One an item (null: it has none), each PropertySchema::vector_width floats.
  std::span<const PropertyValue> request_properties =
      {};  // What the caller said of the request, in the schema's order.
  const PropertyValue* request_item_properties =
      nullptr;  // And of each candidate: items x request_item_property_count.
  std::size_t request_item_property_count = 0;
  Key surface = 0;
  Key last_item = 0;  // The item that the session touched last.

  const PropertyValue& item_property(std::size_t i, std::size_t p) const {
    return item_properties[i * item_property_count + p];
  }
};

// The states behind a request's candidates; null is an entity never seen. `parent` is the whole shop's state of the
// same view. `parents` are the states of BoundFeature::parent, one a candidate; empty when it has none.
struct StateRows {
  std::span<const std::byte* const> rows;
  const std::byte* parent = nullptr;
  std::span<const std::byte* const> parents = {};
};

// Asks for the state that a loop over `rows` comes to a little later: states of one view are far from each other, and a
// request waits for them more than it works.
inline void PrefetchState(std::span<const std::byte* const> rows, std::size_t i, std::uint32_t state_bytes) {
  constexpr std::size_t kAhead = 12;
  if (i + kAhead >= rows.size()) return;
  const std::byte* const state = rows[i + kAhead];
  for (std::uint32_t at = 0; at < state_bytes && at < 192; at += 64) __builtin_prefetch(state + at);
}

// One column of a row-major matrix.
struct Column {
  float* data;
  std::size_t stride;
  float& operator[](std::size_t i) const { return data[i * stride]; }
};

struct ReplayRows;

class FeatureView {
 public:
  explicit FeatureView(FeatureSpec spec) : spec_(std::move(spec)) {}
  virtual ~FeatureView() = default;
  const FeatureSpec& spec() const noexcept { return spec_; }

  // Adds `line` to `state`; a line that the view does not count leaves it as it was. REQUIRES: lines come in log order.
  virtual void Fold(const EventLine&, std::byte*) const noexcept {}
  // Adds to `into` what was folded into `from`. Shared scope: both are parts of one epoch, folded by any workers; any
  // split and order of merging gives equal bytes. User and session scope: `from` is the state of an id that was joined
  // to this one; the result depends on the two states only.
  virtual void Merge(const std::byte*, std::byte*) const noexcept {}
  // Takes a sealed epoch's `delta` (a state folded from zero by lines that arrived in that epoch) into `state`. Epochs
  // come in order; an epoch without a line is not sealed into the state. REQUIRES: shared scope.
  virtual void Seal(const std::byte* delta, std::int64_t epoch_end_ms, std::byte* state) const noexcept {
    (void)epoch_end_ms;
    Merge(delta, state);
  }
  // Writes one value a candidate. REQUIRES: states.rows has one entry a candidate unless the scope is kRequest.
  virtual void Read(const ReadContext& context, const StateRows& states, Column out) const noexcept = 0;
  // For every entity of `rows` (feature/replay_rows.h): from a new state, row by row, the value before the row, then
  // the row. Writes out[i] of the rows that read, and anything into the others; the row's own item is the candidate.
  // REQUIRES: `state` holds
  // spec().state_bytes, of any content; user or session scope; no parent.
  virtual void Replay(const ReplayRows& rows, std::byte* state, Column out) const noexcept;

 protected:
  FeatureSpec spec_;
};

// A category as a float that is exact: the top 24 bits of its key. Models map it to a code of their own dictionary.
inline float CategoryCode(Key key) { return key == 0 ? kMissing : static_cast<float>(key >> 40); }

// A row's value: -0 becomes 0, every NaN the one NaN.
inline float RowValue(double value) { return value != value ? kMissing : static_cast<float>(value) + 0.0f; }

// log2 and 2^x by fixed polynomials in IEEE operations only, so that every machine gives the same bits; error below
// 1e-8 relative.
double Log2(double x);  // REQUIRES: x > 0 and finite.
double Exp2(double x);  // 0 below -1000.

}  // namespace gfr

// ObjectiveConfig: one [[objective]] of gfr.toml: which events are its rows, which event is the label, and how long the
// label may take. docs/configuration.md has the keys.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "event/event.h"
#include "feature/feature_set.h"

namespace gfr {

// [dataset.sampled]: how slates are made of a log that has none (dataset/negative_sampler.h).
struct SampledSlates {
  bool on = false;
  int size = 20;                            // Items of a slate, the positive among them.
  double in_session = 0.2, category = 0.3;  // Shares of the others; the rest is drawn by popularity.
  std::uint64_t seed = 7;
};

struct ObjectiveConfig {
  std::string name;  // "pctr"
  EventType population = EventType::kFeedImpression;
  EventType label = EventType::kFeedClick;
  std::int64_t window_ms = 30 * 60 * 1000;
  // Forests learn which rows have a label within it, and the share of the labels that come so early makes of that the
  // probability within the window: rows need to be no older to teach. 0: the window itself.
  std::int64_t early_window_ms = 0;
  std::int64_t horizon_ms() const { return early_window_ms > 0 ? early_window_ms : window_ms; }  // Of labels to learn.
  std::vector<std::string> learn =
      {};                // What forests are tried, by loss (train/forest_trainer.h); empty: as `softmax` says.
  bool softmax = false;  // [[objective]] link: a probability is an item's share among those of its request.
  // [[objective]] link = "mean": a row's label is an amount, and what is served its mean. The amount is the sum over
  // the label events that would make the row positive, of what each says, 0 where it does not; of purchases less what
  // their cancellations and returns within the window give back; at least 0.
  enum class Amount : std::uint8_t {
    kNone,   // Labels are 0 and 1.
    kPrice,  // The item's price times its quantity.
    kValue,  // The event's `value`, shared by its items alike: seconds, points, money.
  } amount = Amount::kNone;
  bool mean() const { return amount != Amount::kNone; }
  std::string calibrate_by =
      {};                 // A category feature whose values have their own calibrators where it pays; empty: none.
  SourceSpan where = {};  // The table, for messages.
  // [dataset] slates = "sampled", where the population is feed.impression: rows are those of slates made for each label
  // event, and no impression is read.
  SampledSlates sampled = {};
  EventType row_event() const { return sampled.on ? label : population; }

  // Reads every [[objective]] of gfr.toml. kInvalidArgument names the line: there is none, a key is unknown, or a value
  // does not go with another. `features`: what calibrate_by may name.
  static Result<std::vector<ObjectiveConfig>> ReadAll(Config& project, const FeatureSet& features);
};

// The objective that starts where objective `o`, of impressions, ends: pcvr after pctr. objectives.size(): none.
std::size_t NextObjective(const std::vector<ObjectiveConfig>& objectives, std::size_t o);

}  // namespace gfr

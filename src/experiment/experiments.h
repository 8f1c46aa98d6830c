// Experiments: what gfr.toml says of variants, experiments and the holdout ([[variant]], [[experiment]], [holdout]).
// assignment.h says who gets what of them. docs/experiments.md is the manual.
//
// Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/time.h"
#include "experiment/bucket.h"
#include "experiment/metric_config.h"
#include "experiment/targeting.h"
#include "feed/feed_overlay.h"

namespace gfr {

// Names that records use for what is no experiment.
inline constexpr const char* kHoldoutName = "holdout";
inline constexpr const char* kVariantName = "variant";
inline constexpr const char* kHeldOutName = "in";  // Arms of the holdout.
inline constexpr const char* kNotHeldOutName = "out";
// What records name as the arm of a unit whose slates are merged of both.
inline constexpr const char* kInterleavedName = "interleaved";

// What a production variant or an arm changes.
struct Treatment {
  std::string name;
  double weight = 1;               // Relative to the others'.
  std::string model;               // A version of the registry; empty: the champion.
  std::vector<std::string> feeds;  // [[feed]] names that it changes; empty: all.
  FeedOverlay feed;
  std::string value;  // Of the flag, as JSON; the name unless `value` says another.

  bool Changes(std::string_view feed_name) const;
  std::vector<std::string> keys() const;  // Of the overlay, and "model".
};

// How new units are allocated by what earlier ones brought, of design "bandit" (experiment/bandit.h).
struct BanditConfig {
  std::string reward = "conversion";  // A [[metric]] of one number a unit.
  double reward_cap = 1;              // Rewards are cut to [0, cap] and divided by it.
  double floor = 0.05;                // Of each arm's probability.
  std::int64_t every_ms = kHourMs;    // From one version of the allocation to the next.
  bool operator==(const BanditConfig&) const = default;
};

// What is allocated to arms instead of units, of designs "clusters" and "switchback".
struct ClusterConfig {
  std::string by;              // A property of the request's context, or "surface"; empty: everyone is one cluster.
  std::int64_t period_ms = 0;  // A switchback's: clusters change their arm by chance so often; 0: they never do.
  // Of a holdout: periods are counted from the begin of each series, which ends its last one; 0: from 1970 on.
  std::int64_t series_ms = 0;
  std::int64_t BeginMs(std::int64_t now_ms) const;  // Of the period; 0 without periods.
  std::int64_t EndMs(std::int64_t now_ms) const;    // Likewise; INT64_MAX without periods.
  // The cluster (and the period) of a request; empty: it has none, and is in no arm.
  std::string Of(std::span<const Property> context, std::string_view surface, std::int64_t now_ms) const;
  bool operator==(const ClusterConfig&) const = default;
};

struct Experiment {
  std::string name, salt;
  bool running = true;
  double share = 1;         // Of the units.
  std::string name_space;   // Experiments of one namespace with ranges apart exclude each other; empty: none.
  BucketRange range{0, 1};  // Of the namespace.
  std::optional<Targeting> when;
  std::vector<Treatment> arms;  // At least one; `feeds` are the experiment's.
  std::string otherwise;        // The flag's value for units in no arm, as JSON.
  // Every unit's slates are merged of the two arms' rankings (interleaving.h) and its clicks credited to either,
  // instead of units being split. There are two arms then, which set nothing but `model`, `value` and channels.
  bool interleaves = false;
  double examination = 0.5;             // Of an interleaving: ExaminationCurve's exponent.
  std::int64_t window_ms = 7 * kDayMs;  // Of an interleaving: a unit's clicks count for so long after its exposure.
  std::optional<BanditConfig> bandit;
  std::optional<ClusterConfig> clusters;
  JudgingConfig judging;

  // Of the arms; those of an interleaving and of a bandit are the same.
  std::vector<BucketRange> Ranges() const;
  // Whether a request of the feed meets it, and so its slate is an exposure: an arm changes the feed, or `feeds` names
  // it. One that only has values of flags is met where its flag is asked for.
  bool IsMetBy(std::string_view feed_name) const;
};

struct Holdout {
  double share = 0.02;
  std::int64_t rotate_ms = 365 * kDayMs;  // After it another part of the units is held out: a new series.
  std::int64_t period_ms = 28 * kDayMs;   // Its uplift is read by periods, counted from the series' begin.
};

// A model, or settings of a feed, that a share of the requests is ranked with too, for nobody to see.
struct Shadow {
  std::string name = "shadow";
  std::string model;  // A version; empty: the registry's shadow, or the champion where it has settings of its own.
  double share = 0.1;
  FeedOverlay feed;
};

struct Experiments {
  std::vector<Shadow> shadows;
  std::optional<Holdout> holdout;
  std::vector<Treatment> variants;
  std::vector<Experiment> all;

  bool any() const { return holdout || !variants.empty() || !all.empty(); }
  const Experiment* Find(std::string_view name) const;  // Null: none has the name.
  // As configured; without any, the one of the registry's alias.
  std::vector<Shadow> Shadows() const { return shadows.empty() ? std::vector<Shadow>(1) : shadows; }
  std::set<std::string> Versions() const;                    // Models that they name.
  std::vector<std::vector<ChannelConfig>> Channels() const;  // That feeds may have by them, as ListMaker takes them.

  struct Names {
    std::vector<Expression::Name> context;  // What `when` may name.
    std::vector<std::string> feeds;
    std::function<Result<FeedOverlay>(Config&)> read_overlay;  // Keys of a [[feed]].
  };
  // kInvalidArgument names file, line and key: also where two running experiments change the same key of the same feed
  // and do not exclude each other.
  static Result<Experiments> Read(Config& project, const Names& names);
};

// A holdout's feed in place of `feed`: the most popular items, nothing drawn.
FeedConfig HoldoutFeed(const FeedConfig& feed);

}  // namespace gfr

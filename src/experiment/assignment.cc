#include "experiment/assignment.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "event/allocation_version.h"

namespace gfr {
namespace {

const std::string* OverrideOf(const AssignmentQuery& query, const std::string& name) {
  const auto at = query.overrides.find(name);
  return at == query.overrides.end() ? nullptr : &at->second;
}

std::string NamesOf(const std::vector<Treatment>& all) {
  std::string names;
  for (const Treatment& t : all) names += (names.empty() ? "" : ", ") + t.name;
  return names;
}

}  // namespace

Assigner::Assigner(Experiments experiments, Allocation allocation)
    : experiments_(std::move(experiments)), allocation_(std::move(allocation)) {
  for (const Experiment& e : experiments_.all) ranges_.push_back(e.Ranges());
  for (const std::string& owner : allocation_.variants) {
    const auto at = std::ranges::find(experiments_.variants, owner, &Treatment::name);
    owners_.push_back(at == experiments_.variants.end() ? nullptr : &*at);
  }
}

bool Assigner::IsHeldOut(const AssignmentQuery& query) const {
  if (!experiments_.holdout || query.unit.kind == UnitKind::kNone) return false;
  if (const std::string* said = OverrideOf(query, kHoldoutName)) return *said == kHeldOutName;
  if (!query.overrides.empty()) return false;  // Who asks for a variant or an arm gets it.
  const std::int64_t series = query.now_ms / experiments_.holdout->rotate_ms;
  return Bucket(std::string(kHoldoutName) + "/" + std::to_string(series), query.unit.id) < experiments_.holdout->share;
}

const Treatment* Assigner::VariantOf(const AssignmentQuery& query) const {
  if (experiments_.variants.empty()) return nullptr;
  if (const std::string* said = OverrideOf(query, kVariantName))
    return &*std::ranges::find(experiments_.variants, *said, &Treatment::name);
  if (query.unit.kind == UnitKind::kNone || owners_.empty()) return nullptr;
  return owners_[static_cast<std::size_t>(BucketNumber(Allocation::kSalt, query.unit.id))];
}

Assigner::Given Assigner::BanditArmOf(const Experiment& e, const AssignmentQuery& query) const {
  const auto versions = allocation_.periods.find(e.name);
  if (versions == allocation_.periods.end() || versions->second.empty()) return {};
  // Who takes part is by a salt of its own: a greater share moves nobody.
  if (Bucket("share/" + e.salt, query.unit.id) >= e.share) return {};
  const auto newest = static_cast<std::uint32_t>(versions->second.size());
  std::uint32_t version = query.version_of ? query.version_of(e.name) : 0;
  if (version == 0) version = newest;
  if (version > newest) return {};  // Another server's, which this one has not read yet.
  int left = BucketNumber(e.salt + "/" + std::to_string(version), query.unit.id);
  for (const auto& [arm, share] : versions->second[version - 1].shares) {
    left -= static_cast<int>(std::lround(share * kBuckets));
    if (left >= 0) continue;
    const auto at = std::ranges::find(e.arms, arm, &Treatment::name);
    return at == e.arms.end() ? Given{} : Given{&*at, version};
  }
  return {};
}

Assigner::Given Assigner::ArmOf(const Experiment& e, const AssignmentQuery& query) const {
  if (const std::string* said = OverrideOf(query, e.name))
    return {&*std::ranges::find(e.arms, *said, &Treatment::name), 0};
  if (!e.running || query.unit.kind == UnitKind::kNone) return {};
  if (!e.name_space.empty() && !e.range.Has(Bucket("namespace/" + e.name_space, query.unit.id))) return {};
  if (e.when && !e.when->Matches(query.context, query.surface)) return {};
  if (e.bandit) return BanditArmOf(e, query);
  std::string cluster;
  if (e.clusters) {
    cluster = e.clusters->Of(query.context, query.surface, query.now_ms);
    if (cluster.empty()) return {};
  }
  const double bucket = Bucket(e.salt, e.clusters ? cluster : query.unit.id);
  const std::vector<BucketRange>& ranges = ranges_[static_cast<std::size_t>(&e - experiments_.all.data())];
  for (std::size_t a = 0; a < ranges.size(); ++a) {
    if (ranges[a].Has(bucket)) return {&e.arms[a], 0};
  }
  return {};
}

std::shared_ptr<const FeedConfig> Assigner::Combine(const FeedConfig& feed,
                                                    const std::vector<const Treatment*>& treatments,
                                                    bool holdout) const {
  if (treatments.empty() && !holdout) return {std::shared_ptr<const void>(), &feed};  // Nearly always.
  std::string key = feed.name + (holdout ? "/held" : "");
  for (const Treatment* t : treatments) key += "/" + std::to_string(reinterpret_cast<std::uintptr_t>(t));
  {
    const MutexLock lock(mutex_);
    if (const auto at = combinations_.find(key); at != combinations_.end()) return at->second;
  }
  auto made = std::make_shared<FeedConfig>(holdout ? HoldoutFeed(feed) : feed);
  for (const Treatment* t : treatments) t->feed.ApplyTo(made.get());
  const MutexLock lock(mutex_);
  if (combinations_.size() < kMaxCombinations) combinations_.emplace(std::move(key), made);
  return made;
}

Assignment Assigner::Assign(const AssignmentQuery& query, const FeedConfig& feed) const {
  Assignment made;
  const bool overridden = !query.overrides.empty();
  std::vector<const Treatment*> treatments;
  const Experiment* merged = nullptr;
  made.holdout = IsHeldOut(query);
  if (experiments_.holdout && query.unit.kind != UnitKind::kNone)
    made.experiments.push_back({kHoldoutName, made.holdout ? kHeldOutName : kNotHeldOutName, overridden});
  if (!made.holdout) {
    if (const Treatment* variant = VariantOf(query)) {
      made.variant = variant->name;
      made.experiments.push_back({kVariantName, variant->name, overridden});
      if (variant->Changes(feed.name)) treatments.push_back(variant);
    }
    for (const Experiment& e : experiments_.all) {
      if (!e.IsMetBy(feed.name)) continue;
      const auto [arm, version] = ArmOf(e, query);
      if (arm == nullptr) continue;
      if (version > 0 && !overridden) AddAllocationVersion(e.name, version, &made.policy);
      if (e.interleaves && !OverrideOf(query, e.name)) {
        made.experiments.push_back({e.name, kInterleavedName, overridden});
        merged = &e;
        continue;
      }
      made.experiments.push_back({e.name, arm->name, overridden});
      treatments.push_back(arm);
    }
  }
  const auto combine = [&](const Treatment* arm, std::string* model) {
    std::vector<const Treatment*> all = treatments;
    if (arm) all.push_back(arm);
    for (const Treatment* t : all) {
      if (!t->model.empty()) *model = t->model;
    }
    std::erase_if(all, [](const Treatment* t) { return t->feed.empty(); });
    return Combine(feed, all, made.holdout);
  };
  made.feed = combine(merged ? merged->arms.data() : nullptr, &made.model);
  if (merged) {
    made.pair = AssignedPair{.experiment = merged->name, .examination = merged->examination};
    made.pair->feed = combine(&merged->arms[1], &made.pair->model);
  }
  return made;
}

Result<FlagValue> Assigner::Evaluate(std::string_view flag, const AssignmentQuery& query) const {
  using enum FlagValue::Reason;
  const bool held = IsHeldOut(query);
  if (flag == kVariantName && !experiments_.variants.empty()) {
    const Treatment* variant = held ? nullptr : VariantOf(query);
    if (variant == nullptr) return FlagValue{kDefault, "", experiments_.variants.front().value};
    const FlagValue::Reason reason = OverrideOf(query, kVariantName)     ? kTargetingMatch
                                     : experiments_.variants.size() == 1 ? kStatic
                                                                         : kSplit;
    return FlagValue{reason, variant->name, variant->value};
  }
  const Experiment* e = experiments_.Find(flag);
  if (e == nullptr) return Error{ErrorCode::kNotFound, "there is no flag '" + std::string(flag) + "'"};
  const bool overridden = query.overrides.contains(e->name);
  if (!e->running && !overridden) return FlagValue{kDisabled, "", e->otherwise};
  // A unit of an interleaving is in no arm.
  const auto [arm, version] = held || (e->interleaves && !overridden) ? Given() : ArmOf(*e, query);
  if (arm == nullptr) return FlagValue{kDefault, "", e->otherwise};
  const bool all = e->arms.size() == 1 && e->share == 1 && e->name_space.empty();
  return FlagValue{e->when || overridden ? kTargetingMatch : all ? kStatic : kSplit, arm->name, arm->value, version};
}

std::vector<std::string> Assigner::Flags() const {
  std::vector<std::string> flags;
  if (!experiments_.variants.empty()) flags.emplace_back(kVariantName);
  for (const Experiment& e : experiments_.all) flags.push_back(e.name);
  return flags;
}

Result<Overrides> Assigner::ReadOverrides(std::string_view header) const {
  Overrides overrides;
  while (!Trimmed(header).empty()) {
    const std::size_t end = std::min(header.find(','), header.size());
    const std::string_view pair = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t equals = pair.find('=');
    const std::string name(Trimmed(pair.substr(0, equals)));
    const std::string value(equals == std::string_view::npos ? "" : Trimmed(pair.substr(equals + 1)));
    const auto refuse = [&](const std::string& what, const std::string& valid) {
      return Error{ErrorCode::kInvalidArgument, what + " is not known; valid are " + valid};
    };
    const std::vector<Treatment>* of = nullptr;
    if (name == kHoldoutName && experiments_.holdout) {
      if (value != "in" && value != "out") return refuse("holdout=" + value, "in and out");
      overrides[name] = value;
      continue;
    }
    if (name == kVariantName) of = &experiments_.variants;
    if (const Experiment* e = experiments_.Find(name)) of = &e->arms;
    if (of == nullptr || of->empty()) return refuse("'" + name + "'", "names of experiments, variant and holdout");
    if (std::ranges::find(*of, value, &Treatment::name) == of->end())
      return refuse("'" + value + "' of " + name, NamesOf(*of));
    overrides[name] = value;
  }
  return overrides;
}

}  // namespace gfr

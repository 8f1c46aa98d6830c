#include "experiment/experiments.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace gfr {
namespace {

constexpr std::size_t kMaxArms = 64;

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
}

// A string, a number or a boolean as JSON.
std::string ReadValue(Config& table, const std::string& key, const std::string& otherwise) {
  if (!table.Has(key)) return otherwise;
  const std::string text = table.Extract({key}), value = text.substr(text.find('=') + 2);
  if (value.starts_with("true") || value.starts_with("false"))
    return DumpJson(nlohmann::json(table.Boolean(key, false)));
  if (value.starts_with('\'') || value.starts_with('"')) return DumpJson(nlohmann::json(table.String(key, "")));
  if (value.find_first_of(".en") == std::string::npos)
    return DumpJson(nlohmann::json(table.Integer(key, 0, INT64_MIN, INT64_MAX)));
  return DumpJson(nlohmann::json(table.Number(key, 0, -1e300, 1e300)));
}

std::vector<std::string> ReadFeedNames(Config& table, const Experiments::Names& names) {
  std::vector<std::string> feeds = table.Strings("feeds", {});
  for (const std::string& feed : feeds) {
    if (std::ranges::find(names.feeds, feed) == names.feeds.end())
      table.Fail("feeds", "names '" + feed + "', which no [[feed]] is named");
  }
  return feeds;
}

Result<Treatment> ReadTreatment(Config& table, const Experiments::Names& names) {
  Treatment t;
  t.name = table.String("name", "");
  if (!IsName(t.name)) table.Fail("name", "is '" + t.name + "'; valid are up to 64 letters, digits, '_', '-' and '.'");
  t.weight = table.Number("weight", 1, 0, 1e9);
  t.model = table.String("model", "");
  t.value = ReadValue(table, "value", DumpJson(nlohmann::json(t.name)));
  Config feed = table.Table("feed");
  GFR_ASSIGN(t.feed, names.read_overlay(feed));
  return t;
}

// Of a list of treatments: names differ, and somebody gets one.
void CheckTreatments(Config& table, const char* key, const std::vector<Treatment>& all) {
  double weights = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    weights += all[k].weight;
    if (std::ranges::count(all, all[k].name, &Treatment::name) > 1)
      table.Fail(key, "has two named '" + all[k].name + "'");
  }
  if (all.size() > kMaxArms) table.Fail(key, "are more than " + std::to_string(kMaxArms));
  if (!all.empty() && weights <= 0) table.Fail(key, "have no weight above 0");
}

// The keys of an interleaving: a pair of arms that differ in their rankings alone.
void ReadInterleaving(Config& table, Experiment* e) {
  e->examination = table.Number("examination", e->examination, 0, 4);
  e->window_ms = table.DurationMs("window", e->window_ms);
  if (e->window_ms <= 0) table.Fail("window", "is not above 0");
  if (e->arms.size() != 2)
    table.Fail("design", "merges two arms' rankings; there are " + std::to_string(e->arms.size()));
  for (const Treatment& arm : e->arms) {
    if (arm.name == kInterleavedName)
      table.Fail("design", "has an arm named '" + arm.name + "', which records use for both arms together");
    if (arm.weight != 1) table.Fail("design", "merges both arms for every unit; arm '" + arm.name + "' has a weight");
    for (const std::string& key : arm.keys()) {
      if (key != "model" && key != "value" && key != "channel")
        table.Fail("design", "merges rankings: arms may set model, value and channel; '" + arm.name + "' sets " + key);
    }
  }
}

void ReadBandit(Config& table, Experiment* e) {
  BanditConfig bandit;
  bandit.reward = table.String("reward", bandit.reward);
  bandit.reward_cap = table.Number("reward_cap", bandit.reward_cap, 1e-9, 1e12);
  const auto arms = static_cast<double>(e->arms.size());
  bandit.floor = table.Number("floor", std::min(bandit.floor, arms > 0 ? 0.5 / arms : 1), 0, 1);
  if (bandit.floor * arms > 1)
    table.Fail("floor", "is above 1 / " + std::to_string(e->arms.size()) + ", one over its arms");
  bandit.every_ms = table.DurationMs("every", bandit.every_ms);
  if (bandit.every_ms < 1000) table.Fail("every", "is less than 1s");
  if (e->arms.size() < 2) table.Fail("design", "chooses among arms; there is one");
  for (const Treatment& arm : e->arms) {
    if (arm.weight != 1) table.Fail("design", "allocates by rewards; arm '" + arm.name + "' has a weight");
  }
  e->bandit = bandit;
}

void ReadClusters(Config& table, bool switches, const Experiments::Names& names, Experiment* e) {
  ClusterConfig clusters;
  clusters.by = table.String("cluster", "");
  const bool known = clusters.by.empty() || clusters.by == Targeting::kSurface ||
                     std::ranges::find(names.context, clusters.by, &Expression::Name::name) != names.context.end();
  if (!known)
    table.Fail("cluster", "is '" + clusters.by + "', which is no property of [request] or [user], nor surface");
  if (switches) {
    clusters.period_ms = table.DurationMs("period", 6 * kHourMs);
    if (clusters.period_ms < 1000) table.Fail("period", "is less than 1s");
  } else if (clusters.by.empty()) {
    table.Fail("design", "allocates clusters to arms; `cluster` names the property that they are of");
  }
  if (e->share != 1) table.Fail("share", "is of units; whole clusters take part");
  e->clusters = clusters;
}

// The keys of the designs other than arms of units with fixed weights.
void ReadDesign(Config& table, const Experiments::Names& names, Experiment* e) {
  const std::string design = table.String("design", "arms");
  e->interleaves = design == "interleaving";
  if (design == "interleaving") {
    ReadInterleaving(table, e);
  } else if (design == "bandit") {
    ReadBandit(table, e);
  } else if (design == "clusters" || design == "switchback") {
    ReadClusters(table, design == "switchback", names, e);
  } else if (design != "arms") {
    table.Fail("design", "is '" + design + "'; valid are arms, interleaving, bandit, clusters and switchback");
  }
}

Result<Experiment> ReadExperiment(Config& table, const Experiments::Names& names) {
  Experiment e;
  e.name = table.String("name", "");
  if (!IsName(e.name) || e.name == kHoldoutName || e.name == kVariantName)
    table.Fail("name", "is '" + e.name +
                           "'; valid are up to 64 letters, digits, '_', '-' and '.', but not holdout or "
                           "variant");
  e.salt = table.String("salt", e.name);
  if (e.salt.empty()) table.Fail("salt", "is empty");
  const std::string status = table.String("status", "running");
  if (status != "running" && status != "off") table.Fail("status", "is '" + status + "'; valid are running and off");
  e.running = status == "running";
  e.share = table.Number("share", 1, 0, 1);
  e.name_space = table.String("namespace", "");
  const std::vector<double> range = table.Numbers("range", {0, 1});
  if (range.size() != 2 || !(0 <= range[0] && range[0] < range[1] && range[1] <= 1))
    table.Fail("range", "is not [low, high] with 0 <= low < high <= 1");
  else
    e.range = {range[0], range[1]};
  if (table.Has("range") && e.name_space.empty()) table.Fail("range", "is a part of a namespace; none is named");
  if (table.Has("when")) {
    auto when = Targeting::Parse(table.String("when", ""), names.context);
    if (when.ok())
      e.when = std::move(when).value();
    else
      table.Fail("when", when.error().message);
  }
  e.judging = JudgingConfig::Read(table);
  const std::vector<std::string> feeds = ReadFeedNames(table, names);
  for (Config& arm : table.Tables("arm")) {
    GFR_ASSIGN(Treatment t, ReadTreatment(arm, names));
    GFR_TRY(arm.Finish());
    t.feeds = feeds;
    e.arms.push_back(std::move(t));
  }
  if (e.arms.empty()) table.Fail("name", "has no [[experiment.arm]]");
  CheckTreatments(table, "arm", e.arms);
  ReadDesign(table, names, &e);
  e.otherwise = ReadValue(table, "default", e.arms.empty() ? "null" : e.arms.front().value);
  GFR_TRY(table.Finish());
  return e;
}

Result<std::optional<Holdout>> ReadHoldout(Config& project) {
  if (!project.Has(kHoldoutName)) return std::optional<Holdout>();
  Config table = project.Table(kHoldoutName);
  Holdout holdout;
  holdout.share = table.Number("share", holdout.share, 0, 0.5);
  holdout.rotate_ms = table.DurationMs("rotate", holdout.rotate_ms);
  if (holdout.rotate_ms < kDayMs) table.Fail("rotate", "is less than 1d");
  holdout.period_ms = table.DurationMs("period", std::min(holdout.period_ms, holdout.rotate_ms));
  if (holdout.period_ms < kHourMs || holdout.period_ms > holdout.rotate_ms)
    table.Fail("period", "is less than 1h, or more than `rotate`");
  GFR_TRY(table.Finish());
  return std::optional<Holdout>(holdout);
}

Result<std::vector<Shadow>> ReadShadows(Config& project, const Experiments::Names& names) {
  std::vector<Shadow> shadows;
  for (Config& table : project.Tables("shadow")) {
    Shadow shadow;
    shadow.name = table.String("name", shadow.name);
    if (!IsName(shadow.name))
      table.Fail("name", "is '" + shadow.name + "'; valid are up to 64 letters, digits, '_', '-' and '.'");
    if (std::ranges::find(shadows, shadow.name, &Shadow::name) != shadows.end())
      table.Fail("name", "is '" + shadow.name + "', as of a [[shadow]] before");
    shadow.model = table.String("model", "");
    shadow.share = table.Number("share", shadow.share, 0, 1);
    Config feed = table.Table("feed");
    GFR_ASSIGN(shadow.feed, names.read_overlay(feed));
    if (shadow.feed.impressions_on_serve) table.Fail("feed", "has impressions, and nobody is shown a shadow's slate");
    GFR_TRY(table.Finish());
    shadows.push_back(std::move(shadow));
  }
  return shadows;
}

// A feed that both change; empty: there is none.
std::string SharedFeed(const Experiment& a, const Experiment& b, const std::vector<std::string>& feeds) {
  for (const std::string& feed : feeds) {
    if (a.IsMetBy(feed) && b.IsMetBy(feed)) return feed;
  }
  return "";
}

// A key of a feed that treatments of both lists change; empty: there is none.
std::string SharedKey(const std::vector<Treatment>& a, const std::vector<Treatment>& b,
                      const std::vector<std::string>& feeds) {
  for (const std::string& feed : feeds) {
    for (const Treatment& one : a) {
      for (const Treatment& other : b) {
        if (!one.Changes(feed) || !other.Changes(feed)) continue;
        const std::vector<std::string> keys = one.keys(), others = other.keys();
        for (const std::string& key : keys) {
          if (std::ranges::find(others, key) != others.end()) return key + " of feed " + feed;
        }
      }
    }
  }
  return "";
}

bool Exclude(const Experiment& a, const Experiment& b) {
  return !a.name_space.empty() && a.name_space == b.name_space &&
         (a.range.high <= b.range.low || b.range.high <= a.range.low);
}

Status CheckConflicts(const Config& project, const Experiments& of, const std::vector<std::string>& feeds) {
  const auto refuse = [&](const std::string& message) {
    return Error{ErrorCode::kInvalidArgument, message, project.where("experiment")};
  };
  for (std::size_t k = 0; k < of.all.size(); ++k) {
    const Experiment& e = of.all[k];
    if (!e.running) continue;
    if (of.variants.size() > 1) {
      if (const std::string key = SharedKey(e.arms, of.variants, feeds); !key.empty())
        return refuse("experiment '" + e.name + "' and the variants both change " + key);
    }
    for (std::size_t other = 0; other < k; ++other) {
      const Experiment& before = of.all[other];
      if (!before.running || Exclude(e, before)) continue;
      if (const std::string key = SharedKey(e.arms, before.arms, feeds); !key.empty())
        return refuse("experiments '" + before.name + "' and '" + e.name + "' both change " + key +
                      "; give them one namespace with ranges apart, or turn one off");
      if (!e.interleaves || !before.interleaves) continue;
      if (const std::string feed = SharedFeed(e, before, feeds); !feed.empty())
        return refuse("experiments '" + before.name + "' and '" + e.name + "' both merge the slates of feed " + feed +
                      "; give them one namespace with ranges apart, or turn one off");
    }
  }
  return {};
}

}  // namespace

bool Treatment::Changes(std::string_view feed_name) const {
  return feeds.empty() || std::ranges::find(feeds, feed_name) != feeds.end();
}

std::vector<std::string> Treatment::keys() const {
  std::vector<std::string> keys = feed.keys();
  if (!model.empty()) keys.emplace_back("model");
  return keys;
}

std::string ClusterConfig::Of(std::span<const Property> context, std::string_view surface, std::int64_t now_ms) const {
  std::string cluster;
  if (by == Targeting::kSurface) {
    cluster = surface;
  } else if (!by.empty()) {
    const auto at = std::ranges::find(context, by, &Property::name);
    if (at == context.end()) return "";
    cluster = at->text;
    if (cluster.empty() && std::isfinite(at->number)) cluster = DumpJson(nlohmann::json(at->number));
  }
  if (cluster.empty() && !by.empty()) return "";
  return period_ms > 0 ? cluster + "/" + std::to_string(BeginMs(now_ms)) : cluster;
}

std::int64_t ClusterConfig::BeginMs(std::int64_t now_ms) const {
  if (period_ms == 0) return 0;
  const std::int64_t series = series_ms > 0 ? now_ms / series_ms * series_ms : 0;
  return series + (now_ms - series) / period_ms * period_ms;
}

std::int64_t ClusterConfig::EndMs(std::int64_t now_ms) const {
  if (period_ms == 0) return INT64_MAX;
  const std::int64_t end = BeginMs(now_ms) + period_ms;
  return series_ms > 0 ? std::min(end, (now_ms / series_ms + 1) * series_ms) : end;
}

std::vector<BucketRange> Experiment::Ranges() const {
  if (interleaves || bandit) return std::vector<BucketRange>(arms.size(), ArmRanges(share, {1}).front());
  std::vector<double> weights;
  for (const Treatment& arm : arms) weights.push_back(arm.weight);
  return ArmRanges(share, weights);
}

bool Experiment::IsMetBy(std::string_view feed_name) const {
  if (arms.empty() || !arms.front().Changes(feed_name)) return false;
  return !arms.front().feeds.empty() ||
         std::ranges::any_of(arms, [](const Treatment& t) { return !t.feed.empty() || !t.model.empty(); });
}

const Experiment* Experiments::Find(std::string_view name) const {
  const auto at = std::ranges::find(all, name, &Experiment::name);
  return at == all.end() ? nullptr : &*at;
}

std::set<std::string> Experiments::Versions() const {
  std::set<std::string> versions;
  const auto add = [&](const std::vector<Treatment>& treatments) {
    for (const Treatment& t : treatments) {
      if (!t.model.empty()) versions.insert(t.model);
    }
  };
  add(variants);
  for (const Experiment& e : all) {
    if (e.running) add(e.arms);
  }
  for (const Shadow& shadow : shadows) {
    if (!shadow.model.empty()) versions.insert(shadow.model);
  }
  return versions;
}

std::vector<std::vector<ChannelConfig>> Experiments::Channels() const {
  std::vector<std::vector<ChannelConfig>> channels;
  const auto add = [&](const std::vector<Treatment>& treatments) {
    for (const Treatment& t : treatments) {
      if (t.feed.channels) channels.push_back(*t.feed.channels);
    }
  };
  add(variants);
  for (const Experiment& e : all) add(e.arms);
  for (const Shadow& shadow : shadows) {
    if (shadow.feed.channels) channels.push_back(*shadow.feed.channels);
  }
  return channels;
}

Result<Experiments> Experiments::Read(Config& project, const Names& names) {
  Experiments experiments;
  GFR_ASSIGN(experiments.holdout, ReadHoldout(project));
  GFR_ASSIGN(experiments.shadows, ReadShadows(project, names));
  for (Config& table : project.Tables(kVariantName)) {
    GFR_ASSIGN(Treatment variant, ReadTreatment(table, names));
    variant.feeds = ReadFeedNames(table, names);
    GFR_TRY(table.Finish());
    experiments.variants.push_back(std::move(variant));
  }
  CheckTreatments(project, kVariantName, experiments.variants);
  for (Config& table : project.Tables("experiment")) {
    GFR_ASSIGN(Experiment e, ReadExperiment(table, names));
    if (std::ranges::find(experiments.all, e.name, &Experiment::name) != experiments.all.end())
      return Error{ErrorCode::kInvalidArgument, "two experiments are named '" + e.name + "'", table.where("name")};
    experiments.all.push_back(std::move(e));
  }
  GFR_TRY(CheckConflicts(project, experiments, names.feeds));
  return experiments;
}

FeedConfig HoldoutFeed(const FeedConfig& feed) {
  FeedConfig held = feed;
  int items = feed.size;
  for (const ChannelConfig& channel : feed.channels) items = std::max(items, channel.quota);
  held.channels = {{"popularity", items}};
  held.swap_share = 0;
  return held;
}

}  // namespace gfr

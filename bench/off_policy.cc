// Off-policy estimates of policies from the slates of another one: how often their intervals hold the truth, how many
// policies are refused, and whether those are that no log can judge.
//
// A shop of pages (a taste and the candidates of a moment) whose items have click rates that the model's scores know
// in part; the reward is the clicks of a whole slate, in which items of a brand take clicks from each other. GFR's own
// policy (caps, floor, pin, two draws a slate) makes the logs. The truth is exact: every sequence of draws that a page
// can give is in the logs, with its slate. Whether a log's estimates are refused goes together: one in twenty by
// chance, of mean weights that are 1. usage: off_policy_bench [--tiny] [LOGS [SEED]]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "feed/feed_policy.h"
#include "feed/policy_difference.h"
#include "feed/target_draws.h"
#include "metric/slate_off_policy.h"
#include "rank/policy.h"
#include "state/feature_reader.h"
#include "state/online_store.h"

namespace gfr {
namespace {

constexpr std::size_t kItems = 16, kSeen = 10, kSlate = 6;  // kSeen: those that do not come from the explore channel.
constexpr const char* kShop = R"(
[item]
brand = "category"
price = "number"
[[feature]]
name = "price"
type = "property"
property = "price"
)";
constexpr std::uint32_t kPrice = 0, kBrand = 1;  // Properties of the items: those that features read come first.

// What a page's items are.
struct Page {
  std::vector<EventItem> items;
  std::vector<std::size_t> brand;
  std::vector<double> rate;                        // Clicks an examination, in truth.
  std::vector<double> pctr, pcvr, price, novelty;  // Scores and properties that the log has.
  std::vector<float> value;
};

Page MakePage(Rng& rng) {
  Page page;
  for (std::size_t i = 0; i < kItems; ++i) {
    const double taste = rng.Normal(), rate = 0.3 / (1 + std::exp(1.0 - 1.2 * taste + (i < kSeen ? 0 : 0.5)));
    page.rate.push_back(rate);
    page.pctr.push_back(std::clamp(rate * std::exp(0.5 * rng.Normal()), 0.001, 0.9));
    page.pcvr.push_back(0.05 * std::exp(0.7 * rng.Normal()));
    page.price.push_back(10 * std::exp(rng.Normal()));
    page.novelty.push_back(rng.Normal());
    page.value.push_back(static_cast<float>(page.pctr[i] * (1 + 2 * page.pcvr[i])));
    page.brand.push_back(rng.Below(4));
    EventItem& item = page.items.emplace_back();
    item.item_id = "i" + std::to_string(i);
    item.channel = i < kSeen ? "popularity" : "explore";
    item.properties = {{.name = "brand", .text = "b" + std::to_string(page.brand[i])},
                       {.name = "price", .number = page.price[i]}};
  }
  return page;
}

// Expected clicks of a slate.
double ClicksOf(const Page& page, const std::vector<std::size_t>& slate, std::vector<double>* by_position = nullptr) {
  double sum = 0;
  for (std::size_t p = 0; p < slate.size(); ++p) {
    double rate = page.rate[slate[p]] / std::sqrt(1.0 + static_cast<double>(p));
    for (std::size_t above = 0; above < p; ++above) {
      if (page.brand[slate[above]] == page.brand[slate[p]]) rate *= 0.7;
    }
    sum += rate;
    if (by_position) by_position->push_back(rate);
  }
  return sum;
}

// What the log has of a slate.
struct Logged {
  std::size_t page;
  std::uint64_t user;
  double appetite;  // Times the page's rates, of the user.
  double clicks;
  std::vector<DrawnPool> pools;
  std::vector<std::vector<std::uint32_t>> members;  // Of the pools.
};

// A sequence of draws of a page, and what its slate earns.
struct Leaf {
  const std::vector<DrawnPool> pools;
  const std::vector<std::vector<std::uint32_t>> members;
  double clicks;
};

class Shop {
 public:
  Shop(std::size_t pages, std::uint64_t seed) {
    auto config = Config::Parse(kShop, "gfr.toml");
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    store_->Share();
    reader_ = std::make_unique<StoreReader>(*store_);
    Rng rng(seed);
    for (std::size_t k = 0; k < pages; ++k) pages_.push_back(MakePage(rng));
    leaves_.resize(pages);
    FeedPolicy policy;
    policy.solves = true;
    policy.rules = {{.name = "dear", .leave_out = Where("price > 1000")}};
    policy.caps = {{.name = "brand", .of = "brand", .property = kBrand, .at_most = 2, .window = 4}};
    policy.floors = {{.name = "cheap", .where = Where("price < 10"), .at_least = 1, .first = 4}};
    policy.pins = {{.name = "pin", .item = "i3", .where = {}, .position = 3}};
    policy.boosts = {{.name = "cheap", .where = Where("price < 5"), .times = 1.1, .plus = 0}};
    policy.explore_every = 3;
    policy.explore_rate = 0.6;
    feed_.size = static_cast<int>(kSlate);
    feed_.channels = {{.name = "popularity", .quota = kSeen}, {.name = "explore", .quota = kItems - kSeen}};
    feed_.policy = std::make_shared<FeedPolicy>(policy);
  }

  const FeedConfig& feed() const { return feed_; }
  const Page& page(std::size_t k) const { return pages_[k]; }
  const std::map<std::vector<std::size_t>, Leaf>& leaves(std::size_t page) const { return leaves_[page]; }
  std::size_t pages() const { return pages_.size(); }
  ItemCondition Where(const std::string& text) const {
    using Source = ConditionName::Source;
    const std::vector<ConditionName> names{{"price", Expression::Type::kNumber, Source::kItem, kPrice},
                                           {"brand", Expression::Type::kCategory, Source::kItem, kBrand}};
    return ItemCondition::Parse(text, names).value();
  }

  // A few users ask much more often than others; each has an appetite of its own and three pages.
  std::vector<Logged> Log(std::uint64_t seed, std::size_t requests) {
    Rng rng(seed * 1000003);
    const std::size_t users = std::max<std::size_t>(requests / 10, 1);
    std::vector<double> appetite;
    for (std::size_t u = 0; u < users; ++u) appetite.push_back(std::min(2.5, std::exp(0.5 * rng.Normal() - 0.125)));
    std::vector<Logged> log;
    for (std::size_t n = 0; n < requests; ++n) {
      const double x = rng.Uniform();
      const auto user = static_cast<std::size_t>(x * x * static_cast<double>(users));
      const std::size_t page = (user * 7 + rng.Below(3) * 13) % pages_.size();
      log.push_back(Serve(page, user, appetite[user], "log" + std::to_string(seed) + "/" + std::to_string(n), rng));
    }
    return log;
  }

 private:
  Logged Serve(std::size_t k, std::size_t user, double appetite, const std::string& request_id, Rng& rng) {
    const Page& page = pages_[k];
    FeedRequest request{.user_id = "u" + std::to_string(user)};
    request.request_id = request_id;
    const RankSettings settings{.feed = feed_};
    const RankInput in{.store = *store_,
                       .reader = reader_->features(),
                       .model = nullptr,
                       .lists = nullptr,
                       .config = feed_,
                       .request = request,
                       .user = 0,
                       .session = 0,
                       .size = kSlate,
                       .policy = feed_.policy.get(),
                       .settings = settings};
    Draft draft(request, FindRequester(reader_->features(), request));
    draft.items = page.items;
    draft.lease.items.assign(page.items.size(), nullptr);
    draft.value = page.value;
    ChooseSlate(in, &draft);
    for (std::size_t p = 0; p < draft.slate.size(); ++p)
      draft.items[draft.slate[p]].index = static_cast<std::int32_t>(p);
    Logged logged{.page = k, .user = user, .appetite = appetite, .clicks = 0, .pools = {}, .members = {}};
    std::vector<std::size_t> drawn;
    for (const ServedDraw& draw : draft.draws) {
      logged.pools.push_back(ReadPool(draw, draft.items));
      logged.members.push_back(draw.pool);
      drawn.push_back(logged.pools.back().shown);
    }
    std::vector<double> rates;
    const double clicks = ClicksOf(page, draft.slate, &rates);
    for (const double rate : rates) logged.clicks += rng.Chance(rate * appetite);
    leaves_[k].try_emplace(drawn, Leaf{logged.pools, logged.members, clicks});
    return logged;
  }

  std::unique_ptr<OnlineStore> store_;
  std::unique_ptr<StoreReader> reader_;
  FeedConfig feed_;
  std::vector<Page> pages_;
  std::vector<std::map<std::vector<std::size_t>, Leaf>> leaves_;  // By page, by sequence of draws.
};

using Score = double (*)(const Page&, std::size_t);

struct Target {
  std::string name;
  TargetDraws draws;
  Score score;
};

// The fifty: explore rates, scores of what is drawn, value formulas within the pools.
std::vector<Target> Targets() {
  const Score kNone = [](const Page&, std::size_t) { return 0.0; };
  const Score scores[] = {[](const Page& p, std::size_t i) { return 10 * p.pctr[i]; },
                          [](const Page& p, std::size_t i) { return -10 * p.pctr[i]; },
                          [](const Page& p, std::size_t i) { return std::log(p.price[i]); },
                          [](const Page& p, std::size_t i) { return std::log(p.pctr[i] * p.pcvr[i]); },
                          [](const Page& p, std::size_t i) { return p.novelty[i]; }};
  const Score formulas[] = {
      [](const Page& p, std::size_t i) { return p.pctr[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] * p.pcvr[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] * (1 + 5 * p.pcvr[i]); },
      [](const Page& p, std::size_t i) { return p.pctr[i] * p.pcvr[i] * p.price[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] - 0.1 * p.pcvr[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] * std::sqrt(p.price[i]); },
      [](const Page& p, std::size_t i) { return p.pctr[i] / (1 + p.price[i]); },
      [](const Page& p, std::size_t i) { return p.pcvr[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] + 0.05 * p.novelty[i]; },
      [](const Page& p, std::size_t i) { return p.pctr[i] + 0.01 * std::log(p.price[i]); },
  };
  std::vector<Target> targets;
  for (const double rate : {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 1.0})
    targets.push_back({"explore rate", {.explore_rate = rate}, kNone});
  for (const Score score : scores) {
    for (const double temperature : {2.0, 1.0, 0.5, 0.0})
      targets.push_back({"draw scores", {.explore_rate = 0.6, .temperature = temperature}, score});
  }
  for (const Score score : formulas) {
    targets.push_back({"value formula", {.explore_rate = 0.6, .best_stands = true}, score});
    targets.push_back({"value formula", {.explore_rate = 0.2, .temperature = 1, .best_stands = true}, score});
  }
  return targets;
}

std::vector<double> ScoresOf(const Page& page, const std::vector<std::uint32_t>& members, Score score) {
  std::vector<double> scores;
  for (const std::uint32_t i : members) scores.push_back(score(page, i));
  return scores;
}

double ModelOf(const Page& page, std::size_t i) { return page.pctr[i]; }

// Expected clicks of the target on the page, and the probability of the sequences of draws that were not seen.
std::pair<double, double> TruthOf(const Shop& shop, std::size_t page, const Target& target) {
  double clicks = 0, seen = 0;
  for (const auto& [drawn, leaf] : shop.leaves(page)) {
    double probability = 1;
    for (std::size_t k = 0; k < drawn.size(); ++k)
      probability *= ProbabilitiesOf(target.draws, leaf.pools[k],
                                     ScoresOf(shop.page(page), leaf.members[k], target.score))[drawn[k]];
    seen += probability;
    clicks += probability * leaf.clicks;
  }
  return {seen > 0 ? clicks / seen : 0, 1 - seen};
}

OffPolicyReport Judge(const Shop& shop, const std::vector<Logged>& log, const Target& target) {
  SlateChoices choices;
  for (const Logged& logged : log) {
    const Page& page = shop.page(logged.page);
    std::vector<std::vector<double>> targets, models;
    std::vector<SlateDraw> draws;
    for (std::size_t k = 0; k < logged.pools.size(); ++k) {
      const DrawnPool& pool = logged.pools[k];
      targets.push_back(ProbabilitiesOf(target.draws, pool, ScoresOf(page, logged.members[k], target.score)));
      models.push_back(ScoresOf(page, logged.members[k], ModelOf));
    }
    for (std::size_t k = 0; k < logged.pools.size(); ++k)
      draws.push_back({logged.pools[k].shown, logged.pools[k].logged, targets[k], models[k]});
    choices.Add(logged.user, logged.clicks, draws);
  }
  return choices.Estimate({});
}

// The twenty that differ elsewhere.
std::vector<FeedConfig> Elsewhere(const Shop& shop) {
  std::vector<FeedConfig> made;
  const auto change = [&](const std::function<void(FeedConfig&, FeedPolicy&)>& by) {
    FeedConfig feed = shop.feed();
    FeedPolicy policy = *feed.policy;
    by(feed, policy);
    feed.policy = std::make_shared<FeedPolicy>(policy);
    made.push_back(feed);
  };
  change([](FeedConfig& f, FeedPolicy&) { f.channels[0].quota = 20; });
  change([](FeedConfig& f, FeedPolicy&) { f.channels.push_back({.name = "exploit", .quota = 50}); });
  change([](FeedConfig& f, FeedPolicy&) { f.channels[0].source = "city"; });
  change([](FeedConfig& f, FeedPolicy&) { f.channels.pop_back(); });
  change([](FeedConfig& f, FeedPolicy&) { f.size = 8; });
  change([](FeedConfig& f, FeedPolicy&) { f.swap_share = 0.1; });
  change([](FeedConfig&, FeedPolicy& p) { p.rules.clear(); });
  change([&](FeedConfig&, FeedPolicy& p) { p.rules[0].leave_out = shop.Where("price > 50"); });
  change([&](FeedConfig&, FeedPolicy& p) { p.rules.push_back({"brand", shop.Where("brand == \"b1\"")}); });
  change([](FeedConfig&, FeedPolicy& p) { p.caps[0].at_most = 1; });
  change([](FeedConfig&, FeedPolicy& p) { p.caps[0].window = 6; });
  change([](FeedConfig&, FeedPolicy& p) { p.caps.clear(); });
  change([](FeedConfig&, FeedPolicy& p) { p.floors[0].at_least = 2; });
  change([&](FeedConfig&, FeedPolicy& p) { p.floors[0].where = shop.Where("price < 2"); });
  change([](FeedConfig&, FeedPolicy& p) { p.pins[0].item = "i4"; });
  change([](FeedConfig&, FeedPolicy& p) { p.pins.clear(); });
  change([](FeedConfig&, FeedPolicy& p) { p.boosts[0].times = 2; });
  change([](FeedConfig&, FeedPolicy& p) { p.explore_every = 2; });
  change([](FeedConfig&, FeedPolicy& p) { p.diversity = 0.3; });
  change([](FeedConfig&, FeedPolicy& p) { p.contracts = {{.name = "share", .share = 0.1}}; });
  return made;
}

struct Tally {
  int judged = 0, refused = 0;
  int robust = 0, snipw = 0, of_refused = 0;  // Intervals that hold the truth; of_refused: doubly robust ones.
  double width = 0, ipw_width = 0;
};

int Run(std::size_t logs, std::size_t requests, std::size_t pages, std::uint64_t seed) {
  Shop shop(pages, seed);
  std::vector<std::vector<Logged>> all;
  for (std::size_t k = 0; k < logs; ++k) all.push_back(shop.Log(seed * 100 + k, requests));
  const std::vector<Target> targets = Targets();
  std::map<std::string, Tally> tallies;
  double unseen = 0;
  int fewest = static_cast<int>(targets.size()), never_refused = 0;
  std::vector<int> refused_of_log(logs);
  for (const Target& target : targets) {
    std::vector<double> truth;
    for (std::size_t k = 0; k < shop.pages(); ++k) {
      const auto [clicks, missing] = TruthOf(shop, k, target);
      truth.push_back(clicks);
      unseen = std::max(unseen, missing);
    }
    Tally& tally = tallies[target.name];
    bool refused_once = false;
    for (std::size_t k = 0; k < logs; ++k) {
      double expected = 0;  // In the logged contexts.
      for (const Logged& logged : all[k])
        expected += logged.appetite * truth[logged.page] / static_cast<double>(all[k].size());
      const OffPolicyReport r = Judge(shop, all[k], target);
      const auto holds = [&](const Estimate& e) { return e.interval.low <= expected && expected <= e.interval.high; };
      if (!r.evidence()) {
        ++tally.refused;
        ++refused_of_log[k];
        refused_once = true;
        tally.of_refused += holds(r.doubly_robust);
        continue;
      }
      ++tally.judged;
      tally.robust += holds(r.doubly_robust);
      tally.snipw += holds(r.snipw);
      tally.width += r.doubly_robust.interval.high - r.doubly_robust.interval.low;
      tally.ipw_width += r.ipw.interval.high - r.ipw.interval.low;
    }
    never_refused += !refused_once;
  }
  int few = 0;  // Logs of which fewer than 40 are not refused.
  for (const int refused : refused_of_log) {
    fewest = std::min(fewest, static_cast<int>(targets.size()) - refused);
    few += static_cast<int>(targets.size()) - refused < 40;
  }
  Tally sum;
  for (const auto& [name, t] : tallies) {
    std::printf(
        "%s: %d estimates, %d refused; doubly robust intervals hold the truth in %.1f %%, snipw %.1f %%; mean "
        "width %.4f (ipw %.4f)\n",
        name.c_str(), t.judged + t.refused, t.refused, 100.0 * t.robust / t.judged, 100.0 * t.snipw / t.judged,
        t.width / t.judged, t.ipw_width / t.judged);
    sum.judged += t.judged;
    sum.refused += t.refused;
    sum.robust += t.robust;
    sum.of_refused += t.of_refused;
  }
  int elsewhere = 0;
  const std::vector<FeedConfig> others = Elsewhere(shop);
  for (const FeedConfig& other : others) elsewhere += !DifferencesBeyondDraws(shop.feed(), other).empty();
  FeedConfig same = shop.feed();
  same.value = {};
  const bool is_judged = DifferencesBeyondDraws(shop.feed(), same).empty();
  const double covered = static_cast<double>(sum.robust) / sum.judged,
               covered_all = static_cast<double>(sum.robust + sum.of_refused) / (sum.judged + sum.refused);
  std::printf(
      "%zu logs of %zu requests x %zu policies: coverage %.2f %% (with those refused %.2f %%); not refused: "
      "%.1f of %zu a log, at least %d, in %d logs fewer than 40, %d policies in every log; unseen draws at most %.2g "
      "of a page's "
      "probability\n",
      logs, requests, targets.size(), 100 * covered, 100 * covered_all,
      static_cast<double>(sum.judged) / static_cast<double>(logs), targets.size(), fewest, few, never_refused, unseen);
  std::printf("policies that differ elsewhere: %d of %zu refused\n", elsewhere, others.size());
  const bool holds = covered >= 0.9 && sum.judged >= 40 * static_cast<int>(logs) &&
                     elsewhere == static_cast<int>(others.size()) && is_judged;
  std::printf("%s\n", holds ? "holds" : "DOES NOT HOLD");
  return holds ? 0 : 1;
}

}  // namespace
}  // namespace gfr

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--tiny") == 0) return gfr::Run(2, 6000, 10, 1);
  const std::size_t logs = argc > 1 ? static_cast<std::size_t>(std::atoll(argv[1])) : 20;
  return gfr::Run(logs, 20000, 120, argc > 2 ? static_cast<std::uint64_t>(std::atoll(argv[2])) : 1);
}

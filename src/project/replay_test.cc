// Training rows and state do not depend on how a log is split: with all features of the templates that gfr makes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/rng.h"
#include "base/test_folder.h"
#include "base/time.h"
#include "dataset/row_builder.h"
#include "log/event_log.h"
#include "operations/make_dataset.h"
#include "project/project.h"
#include "simulate/market.h"

namespace gfr {
namespace {

// What a careless world makes of a market's events: some come up to two hours late, in another order than they
// happened, some twice; people who were nobody log in; some leave; requests are forgotten. Arrivals are the clock's.
std::vector<std::pair<std::int64_t, Event>> CarelessEvents(std::uint64_t seed) {
  MarketConfig config{.users = 300, .items = 60, .days = 6, .seed = seed};
  Market market(config);
  Rng rng(seed);
  std::vector<std::pair<std::int64_t, Event>> events;
  EXPECT_TRUE(market
                  .Run([&](Event&& e) -> Status {
                    std::int64_t arrival_ms = e.time_ms;
                    if (rng.Below(10) == 0) arrival_ms += static_cast<std::int64_t>(rng.Below(2 * kHourMs));
                    if (e.type == EventType::kFeedClick && rng.Below(8) == 0) e.request_id.clear();
                    if (rng.Below(50) == 0) events.push_back({arrival_ms + kMinuteMs, e});
                    if (rng.Below(12) == 0 && !e.session_id.empty() && !e.user_id.empty()) {
                      Event alias{.id = e.id + "alias",
                                  .source = "t",
                                  .type = EventType::kUserAlias,
                                  .time_ms = e.time_ms,
                                  .user_id = "login" + std::to_string(rng.Below(20)),
                                  .session_id = e.session_id,
                                  .kind = e.user_id};
                      events.push_back({arrival_ms, alias});
                    }
                    if (rng.Below(400) == 0 && !e.user_id.empty())
                      events.push_back({arrival_ms,
                                        {.id = e.id + "gone",
                                         .source = "t",
                                         .type = EventType::kUserDelete,
                                         .time_ms = e.time_ms,
                                         .user_id = e.user_id}});
                    if (rng.Below(15) == 0 && e.type != EventType::kItemUpdate) e.user_id.clear();
                    events.push_back({arrival_ms, std::move(e)});
                    return {};
                  })
                  .ok());
  std::ranges::stable_sort(events, {}, [](const auto& e) { return e.first; });
  return events;
}

// Appends as a server does, on its clock; duplicates stay out.
std::uint64_t FillLog(const Project& project, std::uint64_t seed) {
  FixedClock clock(0);
  const auto log = EventLog::Open(PosixFileSystem(), clock, {.folder = project.log_folder()}).value();
  const auto events = CarelessEvents(seed);
  std::uint64_t duplicates = 0;
  for (std::size_t at = 0; at < events.size();) {
    std::vector<Event> batch;
    clock.Set(events[at].first + 2 * kMinuteMs);
    for (; at < events.size() && events[at].first <= clock.now_ms(); ++at) batch.push_back(events[at].second);
    const auto appended = log->Append(std::move(batch));
    EXPECT_TRUE(appended.ok());
    duplicates += static_cast<std::uint64_t>(std::ranges::count(appended.value().results, AppendResult::kDuplicate));
  }
  return duplicates;
}

template <typename T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void ExpectSameRows(const Project& project, const Dataset& a, const Dataset& b) {
  for (std::size_t o = 0; o < a.objectives.size(); ++o) {
    const ObjectiveRows &x = a.objectives[o], &y = b.objectives[o];
    ASSERT_TRUE(SameBytes(x.offset, y.offset) && SameBytes(x.label, y.label) && SameBytes(x.user, y.user) &&
                SameBytes(x.arrival_ms, y.arrival_ms));
    for (std::size_t i = 0; i < x.features.size(); ++i) {
      ASSERT_EQ(std::memcmp(&x.features[i], &y.features[i], 4), 0)
          << project.objectives()[o].name << ", row " << i / a.columns << ", "
          << project.features()->features[i % a.columns].view->spec().name << ": " << x.features[i] << " and "
          << y.features[i];
    }
  }
  ASSERT_EQ(a.slates.size(), b.slates.size());
  for (std::size_t s = 0; s < a.slates.size(); ++s) {
    const SlateRow &x = a.slates[s], &y = b.slates[s];
    ASSERT_TRUE(x.offset == y.offset && x.user == y.user && x.session == y.session && x.first == y.first &&
                x.items == y.items && x.clicked == y.clicked && x.untouched == y.untouched &&
                x.most_recent == y.most_recent && x.popularity == y.popularity)
        << "slate " << s;
  }
  ASSERT_TRUE(SameBytes(a.slate_features, b.slate_features));
}

class ReplayTest : public testing::TestWithParam<const char*> {};

TEST_P(ReplayTest, AnySplitOfACarelessLogOverWorkersGivesEqualRows) {
  const TestFolder folder;
  ASSERT_TRUE(Project::Init(folder.path() + "/p", GetParam()).ok());
  const auto project = Project::Open(folder.path() + "/p").value();
  EXPECT_GT(FillLog(*project, 1), 10u) << "of duplicates";
  const auto whole = MakeDataset(project->workspace(), project->dataset_settings(), {.partitions = 1});
  ASSERT_TRUE(whole.ok()) << whole.error().ToString();
  EXPECT_GT(whole.value().objectives[0].size(), 500u);
  EXPECT_GT(whole.value().slates.size(), 20u);
  for (const int partitions : {2, 7}) {
    for (const int workers : {1, 2, 7}) {
      SCOPED_TRACE(std::to_string(partitions) + " partitions, " + std::to_string(workers) + " workers");
      const auto split = MakeDataset(project->workspace(), project->dataset_settings(),
                                     {.workers = workers, .partitions = partitions});
      ASSERT_TRUE(split.ok()) << split.error().ToString();
      ASSERT_NO_FATAL_FAILURE(ExpectSameRows(*project, whole.value(), split.value()));
    }
  }
}

// All reads of a store: everybody, with everything.
std::vector<float> AllValues(OnlineStore& store, const std::vector<std::pair<Key, Key>>& people,
                             const std::vector<EventItem>& items, std::int64_t now_ms) {
  std::vector<float> all;
  std::vector<float> values(items.size() * store.features().columns());
  for (const auto& [user, session] : people) {
    store.Read({.now_ms = now_ms, .user = user, .session = session, .items = items}, values.data());
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

// Adds up the epochs of one part of the users, which knows the catalogue and its own people's properties.
struct PartialEpochs final : EpochSource {
  SharedState& sum;
  const std::vector<LogRecord>& records;
  OnlineStore catalogue;
  std::size_t at = 0;
  PartialEpochs(SharedState& s, const std::vector<LogRecord>& r, std::shared_ptr<const FeatureSet> f)
      : sum(s), records(r), catalogue(std::move(f), {.user_views = false, .shared_lines = false}) {}
  Status Before(std::int64_t epoch_end_ms, SharedState& shared) override {
    for (const std::int64_t end_ms : shared.OpenEpochs()) {
      if (end_ms > epoch_end_ms) break;
      GFR_TRY(sum.AddDelta(end_ms, shared.TakeDelta(end_ms)));
    }
    while (at < records.size() && EpochOf(records[at].arrival_ms) <= epoch_end_ms)
      catalogue.FoldCatalogueOf(records[at++]);
    for (const std::int64_t end_ms : catalogue.shared().OpenEpochs()) {
      if (end_ms <= epoch_end_ms) GFR_TRY(shared.AddDelta(end_ms, catalogue.shared().TakeDelta(end_ms)));
    }
    return {};
  }
};

// Shared state from the merged epochs of all parts.
struct MergedEpochs final : EpochSource {
  const std::vector<std::pair<std::int64_t, std::string>>& lines;
  OnlineStore catalogue;
  std::size_t at = 0;
  explicit MergedEpochs(const std::vector<std::pair<std::int64_t, std::string>>& l, std::shared_ptr<const FeatureSet> f)
      : lines(l), catalogue(std::move(f), {.user_views = false, .shared_lines = false}) {}
  Status Before(std::int64_t epoch_end_ms, SharedState& shared) override {
    for (; at < lines.size() && lines[at].first <= epoch_end_ms; ++at)
      GFR_TRY(shared.AddDelta(lines[at].first, lines[at].second));
    for (const std::int64_t end_ms : catalogue.shared().OpenEpochs()) {
      if (end_ms <= epoch_end_ms) GFR_TRY(shared.AddDelta(end_ms, catalogue.shared().TakeDelta(end_ms)));
    }
    return {};
  }
};

TEST_P(ReplayTest, AnySplitByUserAndOfLinesGivesEqualStatesInTheEnd) {
  const TestFolder folder;
  ASSERT_TRUE(Project::Init(folder.path() + "/p", GetParam()).ok());
  const auto project = Project::Open(folder.path() + "/p").value();
  FillLog(*project, 2);
  std::vector<LogRecord> records;
  LocalLog log(PosixFileSystem(), project->log_folder());
  const auto reader = log.OpenAll().value();
  for (LogRecord record; reader->More(&record).value();) records.push_back(record);
  const std::int64_t now_ms = records.back().arrival_ms + kHourMs, end_ms = EpochEndAt(now_ms);

  AliasHistory people;
  std::set<std::pair<Key, Key>> everybody;
  std::set<std::string> ids;
  for (const LogRecord& r : records) {
    if (r.event.type == EventType::kUserAlias) people.Join(r.event, r.offset);
    everybody.insert({KeyOf(r.event.user_id), KeyOf(r.event.session_id)});
    for (const EventItem& item : r.event.items) ids.insert(item.item_id);
  }
  std::vector<EventItem> items;
  for (const std::string& id : ids) items.push_back({.item_id = id});

  OnlineStore whole(project->features());
  for (const LogRecord& r : records) whole.Fold(r);
  // Every epoch of the whole log, as bytes.
  const auto epochs_of = [&](std::size_t parts) {
    SharedState sum(project->features());
    // Lines are split by person; each part needs the catalogue and knows its own people's properties.
    for (std::size_t part = 0; part < parts; ++part) {
      PartialEpochs collect(sum, records, project->features());
      OnlineStore store(project->features(), {.user_views = false, .shared_lines = true, .catalogue = false}, &collect);
      for (const LogRecord& r : records) {
        const Key person = people.GroupOf(r.event);
        if (person != 0 && person % parts == part) store.Fold(r);
      }
      EXPECT_TRUE(store.status().ok());
      EXPECT_TRUE(collect.Before(INT64_MAX, store.shared()).ok());
    }
    std::vector<std::pair<std::int64_t, std::string>> epochs;
    for (const std::int64_t end : sum.OpenEpochs()) epochs.push_back({end, sum.TakeDelta(end)});
    return epochs;
  };
  const auto one = epochs_of(1);
  EXPECT_GT(one.size(), 300u);
  EXPECT_EQ(epochs_of(2), one);
  EXPECT_EQ(epochs_of(7), one);

  // And what is read of users, each from his own part, with shared state from the merged epochs.
  whole.AdvanceTo(end_ms);
  const std::vector<std::pair<Key, Key>> all(everybody.begin(), everybody.end());
  const std::vector<float> expected = AllValues(whole, all, items, now_ms);
  constexpr std::size_t kParts = 7;
  std::vector<std::unique_ptr<MergedEpochs>> given;
  std::vector<std::unique_ptr<OnlineStore>> stores;
  for (std::size_t part = 0; part < kParts; ++part) {
    given.push_back(std::make_unique<MergedEpochs>(one, project->features()));
    for (const LogRecord& r : records) given.back()->catalogue.FoldCatalogueOf(r);
    stores.push_back(std::make_unique<OnlineStore>(
        project->features(), FoldParts{.user_views = true, .shared_lines = false, .catalogue = false},
        given.back().get()));
    for (const LogRecord& r : records) {
      if (const Key person = people.GroupOf(r.event); person != 0 && person % kParts == part) stores.back()->Fold(r);
    }
    stores.back()->AdvanceTo(end_ms);
    EXPECT_TRUE(stores.back()->status().ok());
  }
  std::size_t row = 0;
  const std::size_t values = items.size() * project->features()->columns();
  for (const auto& [user, session] : all) {
    const Key person = user ? whole.Resolve(user) : SessionKey(0, session);
    const std::vector<float> read = AllValues(*stores[person % kParts], {{user, session}}, items, now_ms);
    for (std::size_t i = 0; i < values; ++i) {
      ASSERT_EQ(std::memcmp(&read[i], &expected[row * values + i], 4), 0)
          << "person " << row << ", "
          << project->features()->features[i % project->features()->columns()].view->spec().name << ": " << read[i]
          << " and " << expected[row * values + i];
    }
    ++row;
  }
}

INSTANTIATE_TEST_SUITE_P(Templates, ReplayTest, testing::Values("shop", "trivago"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace gfr

// What a slate's record takes in the log, of feeds as the shop template makes them.
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdio>
#include <utility>

#include "base/file_system.h"
#include "base/time.h"
#include "event/event_codec.h"
#include "feature/served_columns.h"
#include "feed/slate_record.h"
#include "rank/ranker.h"
#include "retrieve/list_maker.h"
#include "retrieve/sources.h"
#include "simulate/market.h"

namespace gfr {
namespace {

constexpr std::size_t kFrameBytes = std::size_t{1} << 20;  // Of a closed segment (docs/formats/log.md).

// A shop's market, and its visitors' feeds asked for again beside its events.
class Shop {
 public:
  Shop() {
    auto text = PosixFileSystem().ReadAll(GFR_SOURCE_DIR "/src/project/templates/shop.toml");
    auto config = Config::Parse(text.value(), "shop.toml");
    const ValueNames names{.objectives = {{"pctr", EventType::kFeedImpression, EventType::kFeedClick},
                                          {"pcvr", EventType::kFeedClick, EventType::kPurchase}},
                           .properties = {}};
    feed_.objectives = {"pctr", "pcvr"};
    feed_.value = ValueFormula::Parse("pctr", names).value();
    feed_.full_share = 1;
    feed_.channels = ReadChannels(config.value()).value();
    feed_.channels[0].quota += 10;  // Some items come by two channels: 110 candidates are left.
    store_ = std::make_unique<OnlineStore>(FeatureSet::Make(config.value()).value());
    std::vector<Event> events;
    Market market({.users = 1500, .items = 4000, .days = 6, .visits_a_day = 0.5});
    EXPECT_TRUE(market
                    .Run([&](Event e) {
                      events.push_back(std::move(e));
                      return Status();
                    })
                    .ok());
    std::ranges::stable_sort(events, {}, &Event::time_ms);
    for (Event& e : events) events_.push_back({events_.size(), e.time_ms, std::move(e)});
    for (int i = 0; i < 4000; ++i) items_.push_back("i" + std::to_string(100000 + i));
  }

  // The records of `count` feeds over the last stretch of the market, as `ask` asks for them.
  template <class F>
  std::vector<Event> Serve(std::size_t count, F&& ask) {
    std::vector<Event> records;
    std::size_t requests = 0, seen = 0;
    for (const LogRecord& r : events_) requests += r.event.type == EventType::kFeedRequest;
    store_->Share();
    const StoreReader reader(*store_);
    ListMaker lists(store_->shared(), store_->features().schema, {feed_.channels});
    for (const LogRecord& r : events_) {
      if (r.event.type == EventType::kFeedRequest && ++seen > requests - count) {
        store_->Publish();
        // As a server does, once an epoch.
        if (const std::int64_t epoch = EpochEndAt(r.arrival_ms); std::exchange(listed_, epoch) != epoch) lists.Update();
        FeedRequest request{.request_id = r.event.request_id,
                            .user_id = r.event.user_id,
                            .session_id = r.event.session_id,
                            .context = r.event.context,
                            .now_ms = r.arrival_ms};
        ask(&request);
        records.push_back(Rank(*store_, reader.features(), nullptr, feed_, request, lists.lists().get()).event);
      }
      store_->Fold(r);
    }
    return records;
  }
  std::size_t columns() const { return store_->features().columns(); }
  const std::vector<std::string>& items() const { return items_; }

 private:
  FeedConfig feed_;
  std::int64_t listed_ = 0;
  std::unique_ptr<OnlineStore> store_;
  std::vector<LogRecord> events_;
  std::vector<std::string> items_;
};

// As a model would score them: of what a forest says no two floats are alike.
void Score(Event* e, Rng& rng) {
  ServedSlate& s = e->served;
  s.models = {{"feed/12", ModelRole::kChampion}};
  const auto draw = [&](double mean) {
    std::vector<float> p(e->items.size());
    for (float& x : p) x = static_cast<float>(mean * std::exp(0.5 * rng.Normal()));
    return p;
  };
  s.scores = {{0, "pctr", draw(0.05), draw(0.05)}, {0, "pcvr", draw(0.02), draw(0.02)}};
  s.value = draw(0.06);
}

struct Bytes {
  double open = 0, closed = 0;  // A record, in the open segment and in a closed one.
};

Bytes Measure(const std::vector<Event>& records) {
  std::string frame, packed(ZSTD_compressBound(2 * kFrameBytes), '\0');
  Bytes total;
  const auto close = [&] {
    total.closed += static_cast<double>(ZSTD_compress(packed.data(), packed.size(), frame.data(), frame.size(), 3));
    frame.clear();
  };
  for (const Event& e : records) {
    const std::size_t before = frame.size();
    EncodeEvent(e, &frame);
    total.open += static_cast<double>(frame.size() - before);
    if (frame.size() > kFrameBytes - (std::size_t{64} << 10)) close();
  }
  close();
  const auto n = static_cast<double>(records.size());
  return {total.open / n, total.closed / n};
}

TEST(SlateSize, AFeedOf110CandidatesTakesAtMost2KbInAClosedSegmentAndTwiceThatInTheOpenOne) {
  Shop shop;
  Rng rng(1);
  std::vector<Event> full = shop.Serve(1200, [](FeedRequest*) {});
  double candidates = 0, shown = 0;
  for (Event& e : full) {
    Score(&e, rng);
    candidates += static_cast<double>(e.items.size());
    shown += static_cast<double>(ShownItems(e.items).size());
  }
  candidates /= static_cast<double>(full.size());
  shown /= static_cast<double>(full.size());
  std::vector<Event> pruned = full;
  for (Event& e : pruned) Prune(&e);
  const Bytes all = Measure(full), kept = Measure(pruned);
  std::printf("%.0f candidates, %.0f shown, %zu columns: pruned %.0f bytes closed, %.0f open; full %.0f and %.0f\n",
              candidates, shown, shop.columns(), kept.closed, kept.open, all.closed, all.open);
  EXPECT_NEAR(candidates, 110, 5);
  EXPECT_EQ(shown, 20);
  EXPECT_GE(shop.columns(), 39u);
  EXPECT_LE(kept.closed, 2048);
  EXPECT_LE(kept.open, 2 * 2048);
}

TEST(SlateSize, AFeedOf1000CandidatesTakesAtMost6Kb) {
  Shop shop;
  Rng rng(1);
  std::vector<Event> records = shop.Serve(300, [&](FeedRequest* request) {
    request->has_candidates = true;
    std::vector<std::string> ids = shop.items();
    for (std::size_t i = 0; i < 1000; ++i) {
      std::swap(ids[i], ids[i + rng.Below(ids.size() - i)]);
      request->candidates.push_back({.item_id = ids[i]});
    }
  });
  for (Event& e : records) {
    Score(&e, rng);
    Prune(&e);
  }
  const Bytes kept = Measure(records);
  std::printf("1000 candidates, 20 shown, %zu columns: pruned %.0f bytes closed, %.0f open\n", shop.columns(),
              kept.closed, kept.open);
  EXPECT_LE(kept.closed, 6 * 1024);
  EXPECT_LE(kept.open, 2 * 6 * 1024);
}

}  // namespace
}  // namespace gfr

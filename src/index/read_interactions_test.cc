#include "index/read_interactions.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "base/rng.h"
#include "log/memory_log.h"

namespace gfr {
namespace {

constexpr std::int64_t kStart = 28'000'000 * kMinuteMs;

class InteractionsLog {
 public:
  explicit InteractionsLog(int partitions = 1) : log(clock, {.partitions = partitions}) {}
  void Add(EventType type, const std::string& user, const std::vector<std::string>& items, std::int64_t at_ms = kStart,
           const std::string& kind = "") {
    clock.Set(at_ms);
    Event e{.id = "e" + std::to_string(next_++),
            .source = "t",
            .type = type,
            .time_ms = at_ms,
            .user_id = user,
            .kind = kind};
    for (const std::string& item : items) e.items.push_back({.item_id = item});
    ASSERT_TRUE(log.Append({e}).ok());
  }
  std::map<std::pair<Key, Key>, float> Weights(const IndexConfig& config = {}, const LeaveOutConfig& leave_out = {}) {
    const auto read = ReadInteractions(log, config, leave_out, {});
    EXPECT_TRUE(read.ok());
    const Interactions& in = read.value().interactions;
    std::map<std::pair<Key, Key>, float> weights;
    for (std::size_t u = 0; u < in.users.size(); ++u) {
      for (std::uint64_t k = in.begins[u]; k < in.begins[u + 1]; ++k)
        weights[{in.users[u], in.items[in.entries[k].item]}] = in.entries[k].weight;
    }
    return weights;
  }
  FixedClock clock{kStart};
  MemoryLog log;

 private:
  int next_ = 0;
};

std::pair<Key, Key> Met(const std::string& user, const std::string& item) { return {KeyOf(user), KeyOf(item)}; }
using Weights = std::map<std::pair<Key, Key>, float>;

TEST(ReadInteractions, EventsAddTheirWeights) {
  InteractionsLog log;
  log.Add(EventType::kFeedClick, "u", {"bread"});
  log.Add(EventType::kItemView, "u", {"bread"});
  log.Add(EventType::kPurchase, "u", {"bread", "butter"});
  log.Add(EventType::kCartAdd, "v", {"butter"});
  log.Add(EventType::kFeedImpression, "v", {"jam"});
  IndexConfig config;
  config.weights = {.click = 1, .view = 0.5, .cart = 3, .purchase = 5};
  EXPECT_EQ(log.Weights(config),
            (Weights{{Met("u", "bread"), 6.5f}, {Met("u", "butter"), 5.0f}, {Met("v", "butter"), 3.0f}}));
}

TEST(ReadInteractions, ADeviceIsTheUserThatItsAliasNames) {
  InteractionsLog log;
  log.Add(EventType::kItemView, "device", {"bread"});
  log.Add(EventType::kUserAlias, "login", {}, kStart, "device");
  log.Add(EventType::kItemView, "login", {"butter"});
  EXPECT_EQ(log.Weights(), (Weights{{Met("login", "bread"), 1.0f}, {Met("login", "butter"), 1.0f}}));
}

TEST(ReadInteractions, WhoIsLeftOutOfDatasetsIsLeftOutWithTheirDevices) {
  InteractionsLog log;
  log.Add(EventType::kUserAlias, "staff", {}, kStart, "device");
  for (const char* user : {"u", "staff", "device"}) log.Add(EventType::kItemView, user, {"bread"});
  EXPECT_EQ(log.Weights({}, {.users = {"staff"}}), (Weights{{Met("u", "bread"), 1.0f}}));
}

TEST(ReadInteractions, WhatIsOlderThanTheWindowDoesNotCount) {
  InteractionsLog log;
  log.Add(EventType::kItemView, "u", {"old"}, kStart);
  log.Add(EventType::kItemView, "u", {"new"}, kStart + 2 * kDayMs);
  IndexConfig config;
  config.window_ms = kDayMs;
  EXPECT_EQ(log.Weights(config), (Weights{{Met("u", "new"), 1.0f}}));
}

TEST(ReadInteractions, PartitionsOfUsersGiveTheSameWeights) {
  InteractionsLog one(1), three(3);
  Rng rng(3);
  for (int n = 0; n < 400; ++n) {
    const std::string user = "u" + std::to_string(rng.Below(20)), item = "i" + std::to_string(rng.Below(30));
    const EventType type = rng.Chance(0.5) ? EventType::kItemView : EventType::kPurchase;
    for (auto* log : {&one, &three}) log->Add(type, user, {item}, kStart + n);
  }
  EXPECT_EQ(one.Weights(), three.Weights());
  EXPECT_GT(one.Weights().size(), 100u);
}

}  // namespace
}  // namespace gfr

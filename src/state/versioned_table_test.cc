#include "state/versioned_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/rng.h"
#include "base/test_folder.h"

namespace gfr {
namespace {

std::uint64_t Word(const std::byte* row, std::size_t i = 0) {
  std::uint64_t word;
  std::memcpy(&word, row + i * 8, 8);
  return word;
}

void Set(std::byte* row, std::uint64_t word, std::size_t words = 1) {
  for (std::size_t i = 0; i < words; ++i) std::memcpy(row + i * 8, &word, 8);
}

TEST(Timeline, APinKeepsTheBoundOfItsMoment) {
  Timeline timeline;
  timeline.Publish(5);
  const Pin before = timeline.Hold();
  timeline.Publish(9);
  EXPECT_EQ(before.bound(), 5);
  EXPECT_EQ(timeline.Hold().bound(), 9);
  EXPECT_EQ(timeline.SafeBound(), 5);
}

TEST(Timeline, HoldsMorePinsThanItHasSlots) {
  Timeline timeline;
  std::vector<Pin> pins;
  for (int i = 0; i < 1000; ++i) {
    timeline.Publish(i);
    pins.push_back(timeline.Hold());
  }
  EXPECT_EQ(timeline.SafeBound(), 0);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pins[i].bound(), i);
  pins.clear();
  timeline.Publish(1000);
  EXPECT_EQ(timeline.SafeBound(), 1000);
}

TEST(VersionedTable, ARowIsZeroWhenNewAndUnseenUntilPublished) {
  Timeline timeline;
  VersionedTable table(timeline, 24);
  std::byte* row = table.Write(7, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Word(row, i), 0u);
  Set(row, 42);
  EXPECT_EQ(table.Find(7, timeline.Hold()), nullptr);
  timeline.Publish(1);
  const Pin pin = timeline.Hold();
  EXPECT_EQ(Word(table.Find(7, pin)), 42u);
  EXPECT_EQ(VersionedTable::StampOf(table.Find(7, pin)), 1);
  EXPECT_EQ(table.Find(8, pin), nullptr);
}

TEST(VersionedTable, APublishedRowIsCopiedOnceAndThenWrittenInPlace) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  Set(table.Write(7, 1), 1);
  timeline.Publish(1);
  const Pin pin = timeline.Hold();
  std::byte* second = table.Write(7, 2);
  EXPECT_EQ(Word(second), 1u);
  Set(second, 2);
  EXPECT_EQ(table.Write(7, 3), second);
  EXPECT_EQ(table.versions(), 2u);
  EXPECT_EQ(Word(table.Find(7, pin)), 1u);
  EXPECT_EQ(Word(table.Find(7)), 2u);
  timeline.Publish(3);
  EXPECT_EQ(Word(table.Find(7, pin)), 1u);
  EXPECT_EQ(VersionedTable::StampOf(table.Find(7, timeline.Hold())), 3);
}

TEST(VersionedTable, TablesOfOneTimelineAreSeenAtOneBound) {
  Timeline timeline;
  VersionedTable users(timeline, 8), sessions(timeline, 8);
  Set(users.Write(1, 1), 1);
  timeline.Publish(1);
  const Pin pin = timeline.Hold();
  Set(users.Write(1, 2), 2);
  Set(sessions.Write(1, 2), 2);
  timeline.Publish(2);
  EXPECT_EQ(Word(users.Find(1, pin)), 1u);
  EXPECT_EQ(sessions.Find(1, pin), nullptr);
}

TEST(VersionedTable, AnErasedRowIsGoneFromItsStampOnAndComesBackZero) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  Set(table.Write(7, 1), 1);
  timeline.Publish(1);
  const Pin before = timeline.Hold();
  table.Erase(7, 2);
  table.Erase(8, 2);
  EXPECT_EQ(table.Find(7), nullptr);
  timeline.Publish(2);
  EXPECT_EQ(Word(table.Find(7, before)), 1u);
  EXPECT_EQ(table.Find(7, timeline.Hold()), nullptr);
  EXPECT_EQ(Word(table.Write(7, 3)), 0u);
  Set(table.Write(7, 3), 9);
  table.Erase(7, 3);
  EXPECT_EQ(Word(table.Write(7, 3)), 0u);
  EXPECT_EQ(table.size(), 1u);
}

TEST(VersionedTable, VersionsThatNoPinSeesAreUsedAgain) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  for (int stamp = 1; stamp <= 100000; ++stamp) {
    Set(table.Write(1 + stamp % 10, stamp), stamp);
    timeline.Publish(stamp);
  }
  EXPECT_LE(table.memory_bytes(), 20000u);
  const Pin pin = timeline.Hold();
  for (int stamp = 100001; stamp <= 101000; ++stamp) {
    Set(table.Write(1 + stamp % 10, stamp), stamp);
    timeline.Publish(stamp);
  }
  EXPECT_GE(table.versions(), 1000u) << "a held pin keeps what is over its rows";
  for (int k = 0; k < 10; ++k) EXPECT_LE(Word(table.Find(1 + k, pin)), 100000u);
}

TEST(VersionedTable, GrowsUnderAPinAndGivesIdsInOrder) {
  Timeline timeline;
  VersionedTable table(timeline, 16);
  table.Write(1, 0);
  timeline.Publish(0);
  const Pin first = timeline.Hold();
  for (int i = 1; i < 50000; ++i) {
    Set(table.Write(1 + i * 977, i), i, 2);
    if (i % 100 == 0) timeline.Publish(i);
  }
  timeline.Publish(50000);
  const Pin pin = timeline.Hold();
  ASSERT_EQ(table.size(), 50000u);
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < 50000; ++i) {
    ASSERT_EQ(table.KeyAt(i), 1 + i * 977);
    ASSERT_EQ(table.IdOf(1 + i * 977), i);
    ASSERT_EQ(Word(table.At(i, pin), 1), i);
    keys.push_back(i % 3 == 0 ? i * 977 : 1 + i * 977);
  }
  keys[5] = 0;
  std::vector<const std::byte*> rows(keys.size());
  table.FindMany(keys, pin, rows);
  for (std::uint32_t i = 0; i < 50000; ++i) ASSERT_EQ(rows[i], table.Find(keys[i], pin)) << i;
  std::vector<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < 50000; ++i) ids.push_back(i * 7919 % 50000);
  table.AtMany(ids, pin, rows);
  for (std::uint32_t i = 0; i < 50000; ++i) ASSERT_EQ(rows[i], table.At(ids[i], pin)) << i;
  EXPECT_EQ(table.Find(978, first), nullptr);
  EXPECT_NE(table.Find(1, first), nullptr);
}

TEST(VersionedTable, ExclusiveWritesGoInPlace) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  timeline.SetExclusive(true);
  for (int stamp = 0; stamp < 1000; ++stamp) Set(table.Write(1, stamp), stamp);
  EXPECT_EQ(table.versions(), 1u);
  timeline.SetExclusive(false);
  EXPECT_EQ(timeline.published(), 999);
  EXPECT_EQ(Word(table.Find(1, timeline.Hold())), 999u);
}

// The whole history of every key, for the readers to compare with: stamps and words (0 when erased).
class History {
 public:
  void Add(Key key, std::int64_t stamp, std::uint64_t word) {
    const std::lock_guard lock(mutex_);
    keys_[key][stamp] = word;
  }
  std::optional<std::pair<std::int64_t, std::uint64_t>> At(Key key, std::int64_t bound) const {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(key);
    if (found == keys_.end()) return {};
    auto after = found->second.upper_bound(bound);
    if (after == found->second.begin() || (--after)->second == 0) return {};
    return *after;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Key, std::map<std::int64_t, std::uint64_t>> keys_;
};

TEST(VersionedTable, EveryReadEqualsTheHistoryAtItsBound) {
  constexpr int kTables = 2, kReaders = 3, kSteps = 40000;
  constexpr std::uint32_t kWords[kTables] = {1, 16};
  Timeline timeline;
  VersionedTable first(timeline, kWords[0] * 8), second(timeline, kWords[1] * 8);
  VersionedTable* tables[kTables] = {&first, &second};
  History history[kTables];
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0}, wrong{0}, seen{0};

  const auto reader = [&](int seed) {
    Rng rng(100 + seed);
    while (!stop.load()) {
      const Pin pin = timeline.Hold();
      std::vector<Key> keys(1 + rng.Below(100));
      for (Key& key : keys) key = 1 + rng.Below(3000);
      const int repeats = 1 + rng.Below(4);
      for (int repeat = 0; repeat < repeats; ++repeat) {
        for (int t = 0; t < kTables; ++t) {
          std::vector<const std::byte*> rows(keys.size());
          tables[t]->FindMany(keys, pin, rows);
          for (std::size_t i = 0; i < keys.size(); ++i) {
            const std::byte* row = i % 2 == 0 ? rows[i] : tables[t]->Find(keys[i], pin);
            const auto want = history[t].At(keys[i], pin.bound());
            bool equal = (row != nullptr) == want.has_value();
            if (row != nullptr && equal) {
              equal = VersionedTable::StampOf(row) == want->first;
              for (std::uint32_t w = 0; w < kWords[t]; ++w) equal = equal && Word(row, w) == want->second;
              ++seen;
            }
            wrong += !equal;
            ++reads;
          }
        }
        std::this_thread::yield();
      }
    }
  };
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) readers.emplace_back(reader, r);

  Rng rng(7);
  std::int64_t stamp = 0;
  // However the threads are scheduled: the writer goes on until the readers have read enough beside it.
  for (int step = 0; step < kSteps || seen.load() <= 1000; ++step) {
    const std::uint64_t keys = std::min<std::uint64_t>(1 + step * 3000ull / kSteps, 3000);
    stamp += 1 + rng.Below(2);
    const std::uint64_t batch = 1 + rng.Below(5);
    for (std::uint64_t i = 0; i < batch; ++i) {
      const int t = rng.Below(kTables);
      // Most writes go to a few keys; the others make the table grow as the test goes on.
      const Key key = 1 + (rng.Below(2) == 0 ? rng.Below(20) : rng.Below(keys));
      if (rng.Below(20) == 0) {
        tables[t]->Erase(key, stamp);
        history[t].Add(key, stamp, 0);
      } else {
        const std::uint64_t word = 1 + rng.Below(1u << 30);
        Set(tables[t]->Write(key, stamp), word, kWords[t]);
        history[t].Add(key, stamp, word);
      }
    }
    if (rng.Below(3) > 0) timeline.Publish(stamp);
    if (step % 64 == 0 || step >= kSteps) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : readers) thread.join();
  EXPECT_EQ(wrong.load(), 0u) << "of " << reads.load();
  const std::size_t versions = second.versions();  // Readers that were held up have kept many.
  for (int n = 0; n < 200'000; ++n) {              // Old ones are looked for when no free one is left.
    Set(second.Write(1, ++stamp), 1, kWords[1]);
    timeline.Publish(stamp);
  }
  EXPECT_LT(second.versions(), versions + 100'000) << "old versions are used again";
}

// No lock between writer and readers, so that the thread sanitizer sees what the table itself orders: a row's words are
// made of its key and stamp.
TEST(VersionedTable, ReadersWithoutAnyOtherSynchronisationSeeWholeRows) {
  constexpr std::uint32_t kWords = 12;
  Timeline timeline;
  VersionedTable table(timeline, kWords * 8);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, seen{0};
  const auto reader = [&](int seed) {
    Rng rng(seed);
    std::vector<Key> keys(64);
    std::vector<const std::byte*> rows(keys.size());
    while (!stop.load(std::memory_order_relaxed)) {
      const Pin pin = timeline.Hold();
      for (Key& key : keys) key = 1 + rng.Below(rng.Below(2) == 0 ? 10 : 4000);
      table.FindMany(keys, pin, rows);
      std::uint64_t bad = 0, good = 0;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (rows[i] == nullptr) continue;
        const std::int64_t stamp = VersionedTable::StampOf(rows[i]);
        bad += stamp > pin.bound();
        for (std::uint32_t w = 0; w < kWords; ++w) bad += Word(rows[i], w) != keys[i] * 1000003 + stamp;
        ++good;
      }
      wrong.fetch_add(bad, std::memory_order_relaxed);
      seen.fetch_add(good, std::memory_order_relaxed);
    }
  };
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) readers.emplace_back(reader, r);
  Rng rng(9);
  for (std::int64_t stamp = 1; stamp <= 60000; ++stamp) {
    const Key key = 1 + (rng.Below(2) == 0 ? rng.Below(10) : rng.Below(1 + stamp / 15));
    Set(table.Write(key, stamp), key * 1000003 + stamp, kWords);
    if (rng.Below(4) > 0) timeline.Publish(stamp);
    if (stamp % 256 == 0) std::this_thread::yield();
  }
  while (seen.load() < 1000) std::this_thread::yield();
  stop = true;
  for (std::thread& thread : readers) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
}

TEST(VersionedTable, AnErasedRowAndItsIdAreUsedAgainOnceNoPinCanHaveComeToThem) {
  Timeline timeline;
  VersionedTable table(timeline, 64);
  Set(table.Write(1, 1), 1);
  table.Write(2, 1);
  timeline.Publish(1);
  const std::uint32_t id = table.IdOf(1);
  std::int64_t stamp = 2;
  const auto churn = [&] {  // Enough new versions for old ones to be looked for.
    for (int n = 0; n < 1000; ++n, ++stamp) {
      table.Write(2, stamp);
      timeline.Publish(stamp);
    }
  };
  {
    const Pin before = timeline.Hold();
    table.Erase(1, stamp);
    timeline.Publish(stamp++);
    churn();
    EXPECT_EQ(Word(table.Find(1, before)), 1u);
    EXPECT_EQ(table.IdOf(1), id);
    EXPECT_EQ(table.entities(), 2u);
  }
  for (int n = 0; n < 5; ++n) churn();
  EXPECT_EQ(table.IdOf(1), VersionedTable::kNoId);
  EXPECT_EQ(table.entities(), 1u);
  EXPECT_EQ(table.KeyAt(id), 0u);
  EXPECT_EQ(table.At(id, timeline.Hold()), nullptr);
  const Pin before = timeline.Hold();
  EXPECT_EQ(Word(table.Write(3, stamp)), 0u);
  EXPECT_EQ(table.IdOf(3), id);
  EXPECT_EQ(table.At(id, before), nullptr) << "a pin does not see the next one's row under the id";
  Set(table.Write(1, stamp), 4);
  timeline.Publish(stamp);
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(Word(table.Find(1, timeline.Hold())), 4u);
}

TEST(VersionedTable, WhatAPinMayHaveComeToBeforeItWasLetGoIsNotUsedAgainWhileItIsHeld) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  for (Key key = 1; key <= 100; ++key) table.Write(key, 1);
  timeline.Publish(1);
  for (Key key = 1; key <= 100; ++key) table.Erase(key, 2);
  timeline.Publish(2);
  std::int64_t stamp = 3;
  std::uint32_t size = 100;
  Key key = 1000;
  const auto write = [&](bool publish) {
    for (int n = 0; n < 300; ++n) table.Write(key++, stamp);
    if (publish) timeline.Publish(stamp++);
  };
  {
    const Pin pin = timeline.Hold();  // It sees that the rows are erased; where they are it may know already.
    write(false);
    EXPECT_EQ(table.IdOf(1), VersionedTable::kNoId);
    write(true);
    write(true);
    EXPECT_EQ(table.size(), size += 900);
  }
  write(true);
  EXPECT_EQ(table.size(), size += 200);
}

TEST(VersionedTable, InAReplayErasedRowsAreFreeAtOnce) {
  Timeline timeline;
  VersionedTable table(timeline, 64);
  timeline.SetExclusive(true);
  for (int k = 1; k <= 100000; ++k) {
    ASSERT_EQ(Word(table.Write(k, k)), 0u);
    Set(table.Write(k, k), k);
    if (k > 10) table.Erase(k - 10, k);
  }
  EXPECT_EQ(table.size(), 11u);
  EXPECT_EQ(table.versions(), 10u);
  EXPECT_LE(table.memory_bytes(), 5000u);
  for (int k = 1; k <= 100000; ++k) ASSERT_EQ(table.Find(k) != nullptr, k > 99990) << k;
}

// Writes, erasures and restarts of the index against a map.
TEST(VersionedTable, KeysThatComeAndGoAreFoundAsInAMap) {
  Rng rng(5);
  Timeline timeline;
  VersionedTable table(timeline, 8);
  std::map<Key, std::uint64_t> model;
  for (std::int64_t stamp = 1; stamp <= 300; ++stamp) {
    const std::uint64_t keys = stamp % 100 < 50 ? 5000 : 50;  // Few keys: rows that are erased and written again.
    for (int n = 0; n < 400; ++n) {
      const Key key = 1 + rng.Below(keys);
      if (rng.Below(2) == 0) {
        table.Erase(key, stamp);
        model.erase(key);
      } else {
        Set(table.Write(key, stamp), stamp);
        model[key] = static_cast<std::uint64_t>(stamp);
      }
    }
    timeline.Publish(stamp);
    const Pin pin = timeline.Hold();
    std::vector<Key> wanted(5001);
    for (Key key = 0; key <= 5000; ++key) wanted[key] = key;
    std::vector<const std::byte*> rows(wanted.size());
    table.FindMany(wanted, pin, rows);
    for (Key key = 1; key <= 5000; ++key) {
      const auto want = model.find(key);
      ASSERT_EQ(rows[key] != nullptr, want != model.end()) << key;
      ASSERT_EQ(rows[key], table.Find(key, pin));
      if (rows[key] == nullptr) continue;
      ASSERT_EQ(Word(rows[key]), want->second);
      ASSERT_EQ(table.KeyAt(table.IdOf(key)), key);
    }
    std::size_t seen = 0;
    for (std::uint32_t id = 0; id < table.size(); ++id) seen += table.At(id, pin) != nullptr;
    ASSERT_EQ(seen, model.size()) << "one id a key";
  }
  EXPECT_LT(table.size(), 6000u);
}

// 50,000 keys are written and erased one after another from `stamp` on; the most memory that the table had meanwhile.
std::size_t MostBytesOfARound(Timeline& timeline, VersionedTable& table, std::int64_t stamp, const auto& key_of) {
  std::size_t most = 0;
  for (const std::int64_t end = stamp + 100'000; stamp < end;) {
    const Key key = key_of(++stamp);
    table.Write(key, stamp);
    timeline.Publish(stamp);
    table.Erase(key, ++stamp);
    timeline.Publish(stamp);
    most = std::max(most, table.memory_bytes());
  }
  return most;
}

// Session n begins at stamp n, is written again half a life later and erased after a whole one; its key comes back with
// session n + kKeys. So what a reader must see follows from its bound alone, without a lock that would order more than
// the table does.
TEST(VersionedTable, AMillionSessionsComeAndGoBesideReadersInBoundedMemory) {
  constexpr std::int64_t kSessions = 1'000'000, kLife = 2000, kKeys = 1 << 16, kLag = 20'000;
  constexpr std::uint32_t kWords = 6;
  constexpr int kReaders = 3;
  Timeline timeline;
  VersionedTable table(timeline, kWords * 8);
  std::atomic<std::int64_t> at[kReaders] = {};  // The readers' bounds: the writer waits for who lags behind.
  std::atomic<std::uint64_t> wrong{0}, seen{0};
  const auto key_of = [](std::int64_t session) {
    return static_cast<Key>(session % kKeys + 1) * 0x9E3779B97F4A7C15ull;
  };
  const auto reader = [&](int r) {
    Rng rng(static_cast<std::uint64_t>(r));
    std::vector<std::int64_t> sessions(64);
    std::vector<Key> keys(sessions.size());
    std::vector<const std::byte*> rows(keys.size());
    for (bool last = false; !last;) {
      const Pin pin = timeline.Hold();
      const std::int64_t bound = pin.bound();
      at[r].store(std::max<std::int64_t>(bound, 0), std::memory_order_relaxed);
      last = bound == kSessions;
      if (bound <= 2 * kLife) continue;
      std::uint64_t bad = 0, good = 0;
      for (int repeat = 0; repeat < 3; ++repeat) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
          sessions[i] = bound + kLife / 2 - static_cast<std::int64_t>(rng.Below(2 * kLife));
          keys[i] = key_of(sessions[i]);
        }
        table.FindMany(keys, pin, rows);
        for (std::size_t i = 0; i < keys.size(); ++i) {
          const std::int64_t n = sessions[i];
          const bool lives = n <= bound && bound < n + kLife;
          bad += (rows[i] != nullptr) != lives;
          if (rows[i] == nullptr) continue;
          const std::int64_t stamp = bound >= n + kLife / 2 ? n + kLife / 2 : n;
          bad += VersionedTable::StampOf(rows[i]) != stamp;
          for (std::uint32_t w = 0; w < kWords; ++w) bad += Word(rows[i], w) != keys[i] + static_cast<Key>(stamp);
          ++good;
        }
        if (repeat == 0) std::this_thread::yield();
      }
      wrong.fetch_add(bad, std::memory_order_relaxed);
      seen.fetch_add(good, std::memory_order_relaxed);
    }
    at[r].store(kSessions, std::memory_order_relaxed);
  };
  std::vector<std::thread> readers;
  for (int r = 0; r < kReaders; ++r) readers.emplace_back(reader, r);
  std::size_t most = 0;
  for (std::int64_t stamp = 1; stamp <= kSessions; ++stamp) {
    const auto write = [&](std::int64_t session) {
      if (session < 1) return;
      Set(table.Write(key_of(session), stamp), key_of(session) + static_cast<Key>(stamp), kWords);
    };
    write(stamp);
    write(stamp - kLife / 2);
    if (stamp > kLife) table.Erase(key_of(stamp - kLife), stamp);
    if (stamp % 16 == 0) timeline.Publish(stamp);
    if (stamp % 1024 != 0) continue;
    most = std::max(most, table.memory_bytes());
    for (const auto& bound : at) {
      while (stamp - bound.load(std::memory_order_relaxed) > kLag) std::this_thread::yield();
    }
  }
  timeline.Publish(kSessions);
  for (std::thread& thread : readers) thread.join();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_GT(seen.load(), 1000u);
  // Sessions that live, and what ended while the slowest reader looked: not a million.
  EXPECT_LT(table.size(), 4 * kLag);
  EXPECT_LT(most, 4 * kLag * std::size_t{250});
  // With no reader left the next round needs no more.
  const std::size_t before = table.memory_bytes();
  EXPECT_LE(MostBytesOfARound(timeline, table, kSessions, key_of), before + before / 4);
}

std::string Saved(const VersionedTable& table, const Pin& pin) {
  std::string bytes;
  EXPECT_TRUE(table.Save(pin, [&](std::string_view piece) { return bytes.append(piece), Status(); }).ok());
  return bytes;
}

TEST(TableSnapshot, HoldsWhatThePinSawAndNothingLater) {
  Rng rng(3);
  Timeline timeline;
  VersionedTable table(timeline, 40);
  for (int i = 1; i <= 30000; ++i) Set(table.Write(rng.Below(20000) + 1, i), i, 5);
  for (int k = 1; k < 2000; k += 7) table.Erase(k, 30001);
  timeline.Publish(30001);
  const Pin pin = timeline.Hold();
  for (int i = 0; i < 30000; ++i) Set(table.Write(rng.Below(30000) + 1, 30002), 1, 5);
  timeline.Publish(30002);

  const std::string bytes = Saved(table, pin);
  for (const bool from_file : {false, true}) {
    Timeline again;
    VersionedTable copy(again, 40);
    again.SetExclusive(true);
    TestFolder folder;
    ASSERT_TRUE(PublishFile(PosixFileSystem(), folder / "t", "ab" + bytes + "tail").ok());
    const auto file = PosixFileSystem().OpenForRead(folder / "t");
    SpanSource span(bytes);
    FileSource in_file(*file.value(), 2, 2 + bytes.size());
    ByteSource& source = from_file ? static_cast<ByteSource&>(in_file) : span;
    const Status status = copy.Restore(source);
    ASSERT_TRUE(status.ok()) << status.error().ToString();
    EXPECT_EQ(source.remaining(), 0u);
    again.SetExclusive(false);
    const Pin now = again.Hold();
    std::uint32_t rows = 0;
    for (Key key = 1; key <= 30000; ++key) {
      const std::byte *was = table.Find(key, pin), *is = copy.Find(key, now);
      ASSERT_EQ(was == nullptr, is == nullptr) << key;
      if (was == nullptr) continue;
      ++rows;
      ASSERT_EQ(VersionedTable::StampOf(was), VersionedTable::StampOf(is));
      ASSERT_EQ(std::memcmp(was, is, 40), 0);
    }
    EXPECT_EQ(rows, copy.size());
  }
}

TEST(TableSnapshot, RefusesEveryChangedByteAndEveryEnd) {
  Timeline timeline;
  VersionedTable table(timeline, 8);
  for (int i = 1; i <= 20; ++i) Set(table.Write(i, i), i);
  timeline.Publish(20);
  const std::string bytes = Saved(table, timeline.Hold());
  const auto restores = [](std::string_view changed, std::uint32_t row_bytes = 8) {
    Timeline again;
    VersionedTable copy(again, row_bytes);
    again.SetExclusive(true);
    SpanSource source(changed);
    return copy.Restore(source).ok();
  };
  ASSERT_TRUE(restores(bytes));
  EXPECT_FALSE(restores(bytes, 16));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(restores(bytes.substr(0, i)));
    std::string changed = bytes;
    changed[i] ^= 4;
    EXPECT_FALSE(restores(changed)) << i;
  }
}

}  // namespace
}  // namespace gfr

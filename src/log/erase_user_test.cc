#include "log/erase_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/fault_file_system.h"
#include "base/rng.h"
#include "event/anonymised_record.h"
#include "log/erased_ids.h"
#include "log/event_log.h"
#include "log/segment.h"

namespace gfr {
namespace {

const std::string kErasedFolder = "log";

Event EventOf(const std::string& user, EventType type = EventType::kItemView, const std::string& kind = "") {
  return {.source = "app", .type = type, .user_id = user, .kind = kind, .items = {{.item_id = "i"}}};
}

// A log of `events` over several segments.
void WriteLog(FileSystem& fs, std::vector<Event> events) {
  const FixedClock clock(5000);
  const auto log = EventLog::Open(fs, clock, {.folder = kErasedFolder, .segment_bytes = 300});
  ASSERT_TRUE(log.ok());
  int id = 0;
  for (Event& e : events) {
    e.id = "event-" + std::to_string(id++);
    ASSERT_TRUE(log.value()->Append({e}).ok());
  }
}

std::vector<LogRecord> ReadLog(FileSystem& fs) {
  std::vector<LogRecord> records;
  const auto reader = LocalLog(fs, kErasedFolder).OpenAll();
  for (LogRecord r;;) {
    const auto more = reader.value()->More(&r);
    EXPECT_TRUE(more.ok()) << more.error().message;
    if (!more.ok() || !more.value()) return records;
    records.push_back(r);
  }
}

Event ResidueOf(const LogRecord& r) {
  return {.id = kAnonymisedIdPrefix + std::to_string(r.offset),
          .source = kAnonymisedSource,
          .type = r.event.type,
          .time_ms = r.event.time_ms};
}

Erasure OfPerson(const ErasedPerson& person) {
  Erasure erasure;
  for (const auto& [key, id] : person.ids) {
    for (const OffsetSpan& span : id.spans) erasure.Add(key, span);
  }
  return erasure;
}

Result<ErasedRecords> Erase(FileSystem& fs, const std::string& user, std::vector<std::string>* rewritten = nullptr) {
  LocalLog log(fs, kErasedFolder);
  GFR_ASSIGN(const ErasedPerson person, FindPerson(log, {}, {}, user, {}));
  return EraseRecords(log, OfPerson(person), false, ResidueOf, [&](const std::string& name) -> Status {
    if (rewritten) rewritten->push_back(name);
    return {};
  });
}

// Every record's offset, arrival and bytes: segments themselves differ in their nonces.
std::vector<std::string> AllRecords(FileSystem& fs) {
  std::vector<std::string> records;
  const auto reader = LocalLog(fs, kErasedFolder).OpenAll().value();
  for (LogRecord r; reader->More(&r).value();)
    records.push_back(std::to_string(r.offset) + " " + std::to_string(r.arrival_ms) + " " +
                      std::string(reader->encoded()));
  return records;
}

std::string AllBytes(FileSystem& fs) {
  std::string bytes;
  const auto names = fs.List(kErasedFolder);
  for (const std::string& name : names.value()) bytes += fs.ReadAll(JoinPath(kErasedFolder, name)).value();
  return bytes;
}

std::vector<Event> TwoPeople() {
  std::vector<Event> events;
  for (int i = 0; i < 30; ++i) {
    events.push_back(EventOf(i % 5 == 0 ? "visitor-1" : i % 3 == 0 ? "login-1" : "other-" + std::to_string(i % 4)));
    events.back().session_id = "session of " + events.back().user_id;
    if (i == 20) events.push_back(EventOf("login-1", EventType::kUserAlias, "visitor-1"));
    if (i % 7 == 0) {  // Of nobody by themselves: the first of a session that a later record ties to login-1.
      for (const char* session : {"session of login-1", "session of other-1", "of nobody"}) {
        events.push_back(EventOf(""));
        events.back().session_id = session;
      }
    }
  }
  return events;
}

TEST(EraseUser, ReplacesThePersonsRecordsAndNoOthersAndKeepsEveryPlace) {
  FaultFileSystem fs(1);
  WriteLog(fs, TwoPeople());
  const auto before = ReadLog(fs);
  std::vector<std::string> rewritten;
  const auto erased = Erase(fs, "visitor-1", &rewritten);
  ASSERT_TRUE(erased.ok()) << erased.error().message;
  const auto after = ReadLog(fs);
  ASSERT_EQ(after.size(), before.size());
  std::uint64_t residues = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].offset, before[i].offset);
    EXPECT_EQ(after[i].arrival_ms, before[i].arrival_ms);
    const bool theirs = before[i].event.user_id == "visitor-1" || before[i].event.user_id == "login-1" ||
                        (before[i].event.user_id.empty() && before[i].event.session_id == "session of login-1");
    EXPECT_EQ(IsAnonymised(after[i].event), theirs) << i;
    EXPECT_EQ(after[i].event.user_id, theirs ? "" : before[i].event.user_id);
    residues += theirs;
  }
  EXPECT_EQ(erased.value().records, residues);
  EXPECT_EQ(erased.value().by_type[static_cast<std::size_t>(EventType::kUserAlias)], 1u);
  // Those with events of a session alone first, and each time from the last to the first.
  EXPECT_EQ(std::set<std::string>(rewritten.begin(), rewritten.end()),
            std::set<std::string>(erased.value().segments.begin(), erased.value().segments.end()));
  const auto again = std::ranges::is_sorted_until(rewritten, std::greater());
  EXPECT_TRUE(std::is_sorted(again, rewritten.end(), std::greater()));
  EXPECT_GT(rewritten.size(), 3u);
  EXPECT_THAT(AllRecords(fs), testing::Each(testing::Not(testing::HasSubstr("login-1"))));
  EXPECT_THAT(AllRecords(fs), testing::Each(testing::Not(testing::HasSubstr("visitor-1"))));
  EXPECT_EQ(Erase(fs, "login-1").value().records, 0u) << "a second erasure finds nothing";
  const FixedClock clock(6000);
  EXPECT_EQ(EventLog::Open(fs, clock, {.folder = kErasedFolder}).value()->next_offset(), before.size());
}

TEST(EraseUser, JoinsIdsThroughAnyChainOfAliases) {
  FaultFileSystem fs(1);
  WriteLog(fs, {EventOf("b", EventType::kUserAlias, "a"), EventOf("d", EventType::kUserAlias, "c"),
                EventOf("c", EventType::kUserAlias, "b"), EventOf("y", EventType::kUserAlias, "x")});
  LocalLog log(fs, kErasedFolder);
  for (const char* user : {"a", "b", "c", "d"}) {
    std::vector<std::string> ids;
    const auto person = FindPerson(log, {}, {}, user, {});
    for (const auto& [key, id] : person.value().ids) ids.push_back(id.text);
    EXPECT_THAT(ids, testing::UnorderedElementsAre("a", "b", "c", "d")) << user;
  }
}

TEST(EraseUser, OfTwoLoginsOnOneDeviceNeitherIsErasedWithTheOther) {
  FaultFileSystem fs(1);
  WriteLog(fs, {EventOf("device"), EventOf("bob", EventType::kUserAlias, "device"), EventOf("bob"), EventOf("device"),
                EventOf("carol", EventType::kUserAlias, "device"), EventOf("carol")});
  LocalLog log(fs, kErasedFolder);
  const auto ids_of = [&](const std::string& user) {
    std::vector<std::string> ids;
    const auto person = FindPerson(log, {}, {}, user, {});
    for (const auto& [key, id] : person.value().ids) ids.push_back(id.text);
    return ids;
  };
  EXPECT_THAT(ids_of("carol"), testing::ElementsAre("carol"));
  EXPECT_THAT(ids_of("bob"), testing::UnorderedElementsAre("bob", "device"));
  EXPECT_THAT(ids_of("device"), testing::UnorderedElementsAre("bob", "device"));
  ASSERT_TRUE(Erase(fs, "bob").ok());
  std::vector<std::string> users;
  for (const LogRecord& r : ReadLog(fs)) users.push_back(r.event.user_id);
  EXPECT_THAT(users, testing::ElementsAre("", "", "", "", "", "carol"));
}

TEST(EraseUser, ADeviceThatIsAnothersSinceAnEarlierErasureTakesNobodyAlong) {
  FaultFileSystem fs(1);
  WriteLog(fs, {EventOf("", EventType::kUserAlias), EventOf("bob", EventType::kUserAlias, "device"), EventOf("bob"),
                EventOf("device"), EventOf("ann")});
  LocalLog log(fs, kErasedFolder);
  const auto person = FindPerson(log, {}, {}, "ann", {KeyOf("ann"), KeyOf("device")});
  ASSERT_TRUE(person.ok());
  ASSERT_EQ(person.value().ids.size(), 1u);
  EXPECT_EQ(person.value().ids.begin()->second.text, "ann");
  const auto alone = FindPerson(log, {}, {}, "carol", {KeyOf("carol"), KeyOf("old-device")});
  EXPECT_EQ(alone.value().ids.size(), 2u) << "a device that nobody else has is still hers";
}

TEST(EraseUser, OfADeviceThatChangedHandsOnlyTheRecordsOfTheLoginsTimeGo) {
  const AliasRule last{.keeps = AliasRule::Keeps::kLast}, bound{.max_logins = 1};
  struct Case {
    AliasRule rule;
    std::string erased;
    std::vector<std::string> left;
  };
  const std::string d = "device";
  for (const Case& c :
       {Case{last, "bob", {"", "", "", "", "carol", d, "carol"}}, Case{last, "carol", {d, "bob", "bob", d, "", "", ""}},
        Case{last, d, {d, "bob", "bob", d, "", "", ""}}, Case{bound, "bob", {"", "", "", "", "carol", d, "carol"}},
        Case{bound, "carol", {d, "bob", "bob", d, "", d, ""}}, Case{bound, d, {d, "bob", "bob", d, "", "", "carol"}},
        Case{{.keeps = AliasRule::Keeps::kNone}, "bob", {d, "", "", d, "carol", d, "carol"}}}) {
    SCOPED_TRACE(c.rule.Canonical() + ", " + c.erased);
    FaultFileSystem fs(1);
    WriteLog(fs, {EventOf(d), EventOf("bob", EventType::kUserAlias, d), EventOf("bob"), EventOf(d),
                  EventOf("carol", EventType::kUserAlias, d), EventOf(d), EventOf("carol")});
    LocalLog log(fs, kErasedFolder);
    const auto person = FindPerson(log, c.rule, {}, c.erased, {});
    ASSERT_TRUE(person.ok());
    ASSERT_TRUE(EraseRecords(log, OfPerson(person.value()), false, ResidueOf, [](const std::string&) {
                  return Status();
                }).ok());
    std::vector<std::string> users;
    for (const LogRecord& r : ReadLog(fs)) users.push_back(r.event.user_id);
    EXPECT_EQ(users, c.left);
  }
}

TEST(EraseUser, ADeletedUserGoesUpToTheDeleteAndWhatComesLaterStays) {
  FaultFileSystem fs(1);
  WriteLog(fs, {EventOf("u"), EventOf("v"), EventOf("u", EventType::kUserDelete), EventOf("u"), EventOf("v")});
  LocalLog log(fs, kErasedFolder);
  const auto deleted = FindDeleted(log, {}, {});
  ASSERT_EQ(deleted.value().size(), 1u);
  EXPECT_EQ(deleted.value()[0].before_ms, 5000);
  ASSERT_TRUE(EraseRecords(log, OfPerson(deleted.value()[0]), false, ResidueOf, [](const std::string&) {
                return Status();
              }).ok());
  std::vector<std::string> users;
  for (const LogRecord& r : ReadLog(fs)) users.push_back(r.event.user_id);
  EXPECT_THAT(users, testing::ElementsAre("", "v", "", "u", "v"));
  EXPECT_TRUE(FindDeleted(log, {}, {}).value().empty());
}

// Logins on devices, and logins that become one, by chance; and people who are deleted between.
std::vector<Event> RandomJoins(Rng& rng) {
  std::vector<Event> events;
  const auto any = [&](const char* what, int of) {
    return what + std::to_string(rng.Below(static_cast<std::uint64_t>(of)));
  };
  for (int i = 0; i < 40; ++i) {
    const auto draw = rng.Below(10);
    if (draw == 0)
      events.push_back(EventOf(any("login", 6), EventType::kUserDelete));
    else if (draw == 1)
      events.push_back(EventOf(any("login", 6), EventType::kUserAlias, any("login", 6)));
    else if (draw < 6)
      events.push_back(EventOf(any("login", 6), EventType::kUserAlias, any("device", 4)));
    else
      events.push_back(EventOf(draw < 8 ? any("login", 6) : any("device", 4)));
  }
  return events;
}

TEST(EraseUser, EachDeletedPersonIsWhoTheyWereAtTheirDelete) {
  std::size_t people = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    const std::vector<Event> events = RandomJoins(rng);
    FaultFileSystem fs(1);
    WriteLog(fs, events);
    LocalLog log(fs, kErasedFolder);
    for (const AliasRule& rule : {AliasRule{}, AliasRule{.keeps = AliasRule::Keeps::kLast}, AliasRule{.max_logins = 2},
                                  AliasRule{.keeps = AliasRule::Keeps::kNone}}) {
      const auto deleted = FindDeleted(log, rule, {});
      ASSERT_TRUE(deleted.ok());
      for (const ErasedPerson& person : deleted.value()) {
        SCOPED_TRACE("seed " + std::to_string(seed) + ", " + rule.Canonical() + ", " + person.id);
        ++people;
        FaultFileSystem until(1);
        WriteLog(until, {events.begin(), events.begin() + static_cast<std::ptrdiff_t>(person.before_offset)});
        LocalLog there(until, kErasedFolder);
        const auto alone = FindPerson(there, rule, {}, person.id, {});
        ASSERT_TRUE(alone.ok());
        ASSERT_EQ(alone.value().ids.size(), person.ids.size());
        for (const auto& [key, id] : alone.value().ids) {
          ASSERT_TRUE(person.ids.contains(key));
          const ErasedId& found = person.ids.at(key);
          EXPECT_EQ(found.text, id.text);
          EXPECT_EQ(found.is_shared, id.is_shared);
          ASSERT_EQ(found.spans.size(), id.spans.size());
          for (std::size_t s = 0; s < id.spans.size(); ++s) {
            EXPECT_EQ(found.spans[s].from, id.spans[s].from);
            EXPECT_EQ(found.spans[s].before, std::min(id.spans[s].before, person.before_offset));
          }
        }
      }
    }
  }
  EXPECT_GT(people, 300u);
}

TEST(EraseUser, ManyDeletedPeopleCostWhatTheirOwnDevicesCost) {
  FaultFileSystem fs(1);
  constexpr int kPeople = 20'000;
  std::vector<Event> events;
  for (int i = 0; i < kPeople; ++i)
    events.push_back(EventOf("login" + std::to_string(i), EventType::kUserAlias, "device" + std::to_string(i)));
  for (int i = 0; i < kPeople; ++i) events.push_back(EventOf("login" + std::to_string(i), EventType::kUserDelete));
  for (std::size_t i = 0; i < events.size(); ++i) events[i].id = std::to_string(i);
  const FixedClock clock(5000);
  ASSERT_TRUE(EventLog::Open(fs, clock, {.folder = kErasedFolder}).value()->Append(std::move(events)).ok());
  LocalLog log(fs, kErasedFolder);
  const auto deleted = FindDeleted(log, {.keeps = AliasRule::Keeps::kLast}, {});
  ASSERT_EQ(deleted.value().size(), static_cast<std::size_t>(kPeople));
  for (const ErasedPerson& person : deleted.value()) EXPECT_EQ(person.ids.size(), 2u);
}

TEST(EraseUser, ADryRunCountsAndChangesNothing) {
  FaultFileSystem fs(1);
  WriteLog(fs, TwoPeople());
  const std::string before = AllBytes(fs);
  LocalLog log(fs, kErasedFolder);
  const auto person = FindPerson(log, {}, {}, "login-1", {});
  const auto counted = EraseRecords(log, OfPerson(person.value()), true, ResidueOf, nullptr);
  EXPECT_EQ(AllBytes(fs), before);
  EXPECT_EQ(counted.value().records, Erase(fs, "login-1").value().records);
}

TEST(EraseUser, IsRefusedWhileAServerHasTheLog) {
  FaultFileSystem fs(1);
  WriteLog(fs, TwoPeople());
  const FixedClock clock(6000);
  const auto server = EventLog::Open(fs, clock, {.folder = kErasedFolder});
  const auto erased = Erase(fs, "login-1");
  ASSERT_FALSE(erased.ok());
  EXPECT_EQ(erased.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(erased.error().message, testing::HasSubstr("stop the server"));
}

TEST(EraseUser, AfterAFaultOrAPowerCutAnywhereEachRecordIsWholeOrErasedAndTheNextRunGivesTheSameLog) {
  FaultFileSystem whole(1);
  WriteLog(whole, TwoPeople());
  const auto original = ReadLog(whole);
  LocalLog whole_log(whole, kErasedFolder);
  const auto person = FindPerson(whole_log, {}, {}, "login-1", {}).value();
  const auto erase = [&](FileSystem& fs) {
    LocalLog log(fs, kErasedFolder);
    return EraseRecords(log, OfPerson(person), false, ResidueOf, [](const std::string&) { return Status(); });
  };
  const std::int64_t begin = whole.operations();
  ASSERT_TRUE(erase(whole).ok());
  const std::int64_t operations = whole.operations() - begin;
  const auto expected = AllRecords(whole);
  ASSERT_GT(operations, 12);
  for (std::int64_t at = 0; at < operations; ++at) {
    for (const bool crash : {false, true}) {
      SCOPED_TRACE("operation " + std::to_string(at) + (crash ? ", power cut" : ""));
      FaultFileSystem fs(static_cast<std::uint64_t>(at) + 7);
      WriteLog(fs, TwoPeople());
      fs.fail_at = fs.operations() + at;
      EXPECT_FALSE(erase(fs).ok());
      fs.fail_at = -1;
      if (crash) fs.Crash();
      const auto left = ReadLog(fs);
      ASSERT_EQ(left.size(), original.size());
      for (std::size_t i = 0; i < left.size(); ++i) {
        EXPECT_EQ(left[i].offset, i);
        EXPECT_TRUE(IsAnonymised(left[i].event) || left[i].event.id == original[i].event.id);
      }
      ASSERT_TRUE(erase(fs).ok());
      EXPECT_TRUE(AllRecords(fs) == expected);
    }
  }
}

TEST(ErasedIds, CoverWhatIsOlderThanTheErasureAlsoAfterAReload) {
  FaultFileSystem fs(1);
  ErasedIds ids;
  ids.Add({KeyOf("login"), KeyOf("visitor")}, 1000);
  ASSERT_TRUE(ids.Save(fs, "data/erased").ok());
  const auto loaded = ErasedIds::Load(fs, "data/erased");
  ASSERT_TRUE(loaded.ok());
  const auto covers = [&](const std::string& user, std::int64_t time_ms, const std::string& joins = "") {
    Event e = EventOf(user, joins.empty() ? EventType::kItemView : EventType::kUserAlias, joins);
    e.time_ms = time_ms;
    return loaded.value().Covers(e);
  };
  EXPECT_TRUE(covers("login", 1000));
  EXPECT_TRUE(covers("visitor", 5));
  EXPECT_FALSE(covers("visitor", 1001)) << "a user who is back begins anew";
  EXPECT_FALSE(covers("other", 5));
  EXPECT_TRUE(covers("other", 5, "visitor"));
  EXPECT_THAT(loaded.value().TogetherWith(KeyOf("visitor")),
              testing::UnorderedElementsAre(KeyOf("login"), KeyOf("visitor")));
  EXPECT_TRUE(loaded.value().TogetherWith(KeyOf("other")).empty());
  EXPECT_TRUE(ErasedIds::Load(fs, "data/none").value().empty());
}

TEST(ErasedIds, OfASharedIdTheTimeOfTheErasedPersonIsCoveredAlone) {
  FaultFileSystem fs(1);
  ErasedIds ids;
  ids.Add({KeyOf("bob")}, 1000);
  ids.AddShared(KeyOf("device"), KeyOf("bob"), 100, 199);
  ASSERT_TRUE(ids.Save(fs, "erased").ok());
  const ErasedIds loaded = ErasedIds::Load(fs, "erased").value();
  const auto covers = [&](std::int64_t time_ms) {
    Event e = EventOf("device");
    e.time_ms = time_ms;
    return loaded.Covers(e);
  };
  EXPECT_TRUE(!covers(99) && covers(100) && covers(199) && !covers(200));
  EXPECT_TRUE(loaded.TogetherWith(KeyOf("device")).empty());
  EXPECT_THAT(loaded.TogetherWith(KeyOf("bob")), testing::ElementsAre(KeyOf("bob")));
}

TEST(ErasedIds, AListOfTheFirstFormatIsReadForEver) {
  FaultFileSystem fs(1);
  std::string bytes = "GFRERAS1";
  const std::uint64_t numbers[] = {KeyOf("bob"), KeyOf("bob"), 1000};
  bytes.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  const std::uint32_t end[] = {Crc32c(numbers, sizeof numbers), 0};
  bytes.append(reinterpret_cast<const char*>(end), sizeof end);
  ASSERT_TRUE(PublishFile(fs, "erased", bytes).ok());
  const auto loaded = ErasedIds::Load(fs, "erased");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  Event e = EventOf("bob");
  e.time_ms = 1000;
  EXPECT_TRUE(loaded.value().Covers(e));
  e.time_ms = 1001;
  EXPECT_FALSE(loaded.value().Covers(e));
}

TEST(ErasedIds, ADamagedListIsNotReadAsAShorterOne) {
  FaultFileSystem fs(1);
  ErasedIds ids;
  ids.Add({1, 2}, 3);
  ASSERT_TRUE(ids.Save(fs, "erased").ok());
  const std::string bytes = fs.ReadAll("erased").value();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    ASSERT_TRUE(PublishFile(fs, "erased", damaged).ok());
    EXPECT_FALSE(ErasedIds::Load(fs, "erased").ok()) << i;
  }
}

}  // namespace
}  // namespace gfr

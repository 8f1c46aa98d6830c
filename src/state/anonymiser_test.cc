#include "state/anonymiser.h"

#include <gtest/gtest.h>

#include "base/config.h"

namespace gfr {
namespace {

class AnonymiserOfAliases : public testing::Test {
 protected:
  AnonymiserOfAliases() {
    auto config = Config::Parse(
        "[users]\nalias = \"last\"\nmax_logins = 3\n[[feature]]\nname = \"views\"\ntype = \"count\"\nscope = \"user\"\n"
        "events = [\"item.view\"]\nwindow = \"1d\"\n",
        "gfr.toml");
    features_ = FeatureSet::Make(config.value()).value();
  }
  // What is left of an alias of `login` and `device`.
  Event Left(Anonymiser& anonymiser, const std::string& login, const std::string& device,
             const std::string& token = "") {
    LogRecord record{.offset = next_++, .arrival_ms = 1000};
    record.event = {.id = "a", .source = "app", .type = EventType::kUserAlias, .user_id = login, .kind = device};
    if (!token.empty()) record.event = anonymised_;
    return anonymised_ = anonymiser.Of(record);
  }
  Anonymiser Make(std::unordered_set<Key> erased) { return {features_, 7, std::move(erased)}; }

  std::shared_ptr<const FeatureSet> features_;
  Event anonymised_;
  std::uint64_t next_ = 10;
};

TEST_F(AnonymiserOfAliases, ALoginOnADeviceOfOthersIsCountedByThePlaceOfItsFirstAliasThere) {
  Anonymiser anonymiser = Make({KeyOf("ann"), KeyOf("bob")});
  const Event ann = Left(anonymiser, "ann", "kiosk"), bob = Left(anonymiser, "bob", "kiosk"),
              again = Left(anonymiser, "ann", "kiosk"), elsewhere = Left(anonymiser, "ann", "till");
  EXPECT_EQ(ann.user_id, "");
  EXPECT_EQ(ann.kind, "kiosk");
  EXPECT_EQ(ann.transaction_id, "10");
  EXPECT_EQ(bob.transaction_id, "11");
  EXPECT_EQ(again.transaction_id, "10");
  EXPECT_EQ(elsewhere.transaction_id, "13");
}

TEST_F(AnonymiserOfAliases, AccountsThatBecameOneAreOneLogin) {
  Anonymiser anonymiser = Make({KeyOf("ann"), KeyOf("old")});
  EXPECT_EQ(Left(anonymiser, "old", "kiosk").transaction_id, "10");
  const Event joined = Left(anonymiser, "ann", "old");
  EXPECT_EQ(joined.kind, "") << "an id of the person's own";
  EXPECT_EQ(joined.transaction_id, "");
  EXPECT_EQ(Left(anonymiser, "ann", "kiosk").transaction_id, "10");
}

TEST_F(AnonymiserOfAliases, ARecordOfAnErasureBeforeKeepsItsToken) {
  Anonymiser first = Make({KeyOf("ann")}), second = Make({KeyOf("bob")});
  EXPECT_EQ(Left(first, "ann", "kiosk").transaction_id, "10");
  EXPECT_EQ(Left(second, "", "", "again").transaction_id, "10");
}

}  // namespace
}  // namespace gfr

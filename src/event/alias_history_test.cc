#include "event/alias_history.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

Event AliasOf(const std::string& device, const std::string& login) {
  return {.type = EventType::kUserAlias, .user_id = login, .kind = device};
}

// Whose the device's events are, just before and behind each of the logins.
std::vector<std::string> OwnersOf(const AliasRule& rule, const std::vector<std::string>& logins) {
  AliasHistory history(rule);
  for (std::size_t k = 0; k < logins.size(); ++k) history.Join(AliasOf("device", logins[k]), 10 * (k + 1));
  std::vector<std::string> owners;
  for (std::size_t k = 0; k <= logins.size(); ++k) {
    const Key owner = history.Resolve(KeyOf("device"), 10 * k + 5);
    std::string name = owner == KeyOf("device") ? "device" : "?";
    for (const std::string& login : logins) name = owner == KeyOf(login) ? login : name;
    owners.push_back(name);
  }
  return owners;
}

using Owners = std::vector<std::string>;

TEST(AliasHistory, TheFirstLoginKeepsTheDevice) {
  EXPECT_EQ(OwnersOf({}, {"ann", "bob", "ann"}), (Owners{"ann", "ann", "ann", "ann"}));
}

TEST(AliasHistory, TheLastLoginTakesTheDeviceFromItsAliasOn) {
  const AliasRule last{.keeps = AliasRule::Keeps::kLast};
  EXPECT_EQ(OwnersOf(last, {"ann", "bob", "bob", "ann"}), (Owners{"ann", "ann", "bob", "bob", "ann"}));
}

TEST(AliasHistory, NoneJoinsNothing) {
  EXPECT_EQ(OwnersOf({.keeps = AliasRule::Keeps::kNone}, {"ann", "bob"}), (Owners{"device", "device", "device"}));
}

TEST(AliasHistory, ADeviceOfMoreLoginsThanTheBoundIsNobodysFromThenOn) {
  const AliasRule first{.max_logins = 2}, last{.keeps = AliasRule::Keeps::kLast, .max_logins = 2};
  EXPECT_EQ(OwnersOf(first, {"ann", "bob", "ann", "cid", "ann"}),
            (Owners{"ann", "ann", "ann", "ann", "device", "device"}));
  EXPECT_EQ(OwnersOf(last, {"ann", "bob", "ann", "cid", "ann"}),
            (Owners{"ann", "ann", "bob", "ann", "device", "device"}));
  EXPECT_EQ(OwnersOf(last, {"ann", "ann", "bob"}), (Owners{"ann", "ann", "ann", "bob"})) << "a login counts once";
}

TEST(AliasHistory, ALoginThatWasErasedCountsAndItsTimeIsNobodys) {
  const AliasRule last{.keeps = AliasRule::Keeps::kLast, .max_logins = 2};
  EXPECT_EQ(OwnersOf(last, {"ann", "", "bob"}), (Owners{"ann", "ann", "device", "device"}));
  EXPECT_EQ(OwnersOf({.keeps = AliasRule::Keeps::kLast}, {"ann", "", "bob"}), (Owners{"ann", "ann", "device", "bob"}));
}

TEST(AliasHistory, LoginsThatWereErasedCountEachByTheirOwnToken) {
  const auto owner_after = [](const std::vector<std::string>& tokens) {
    AliasHistory history({.keeps = AliasRule::Keeps::kLast, .max_logins = 2});
    std::uint64_t offset = 0;
    for (const std::string& token : tokens) {
      Event erased = AliasOf("device", "");
      erased.transaction_id = token;
      history.Join(erased, ++offset);
    }
    history.Join(AliasOf("device", "ann"), ++offset);
    return history.Resolve(KeyOf("device"), offset);
  };
  EXPECT_EQ(owner_after({"10", "11"}), KeyOf("device")) << "ann is the third";
  EXPECT_EQ(owner_after({"10", "10"}), KeyOf("ann")) << "one login that came back";
  EXPECT_EQ(owner_after({"", ""}), KeyOf("ann")) << "records from before there were tokens";
}

TEST(AliasHistory, AccountsThatBecameOneAreOneLogin) {
  AliasHistory history({.keeps = AliasRule::Keeps::kLast, .max_logins = 1});
  history.Join(AliasOf("old account", "ann"), 1);
  history.Join(AliasOf("device", "ann"), 2);
  history.Join(AliasOf("device", "old account"), 3);
  EXPECT_EQ(history.Resolve(KeyOf("device"), 9), KeyOf("ann"));
  history.Join(AliasOf("ann", "device"), 4);
  EXPECT_EQ(history.Resolve(KeyOf("ann"), 9), KeyOf("ann")) << "what would end in itself joins nothing";
}

TEST(AliasHistory, ADeviceThatIsSharedMayBeALoginLater) {
  AliasHistory history({.max_logins = 1});
  history.Join(AliasOf("device", "ann"), 1);
  history.Join(AliasOf("device", "bob"), 2);
  history.Join(AliasOf("ann", "device"), 3);
  EXPECT_EQ(history.Resolve(KeyOf("ann"), 9), KeyOf("device"));
  EXPECT_EQ(history.Resolve(KeyOf("ann"), 0), history.Resolve(KeyOf("device"), 0));
}

TEST(AliasHistory, WhoEverWasOnePersonIsOfOneGroup) {
  AliasHistory history({.keeps = AliasRule::Keeps::kLast});
  history.Join(AliasOf("device", "ann"), 1);
  history.Join(AliasOf("phone", "bob"), 2);
  EXPECT_NE(history.GroupOf(KeyOf("device")), history.GroupOf(KeyOf("phone")));
  history.Join(AliasOf("device", "bob"), 3);
  for (const char* id : {"ann", "bob", "phone"})
    EXPECT_EQ(history.GroupOf(KeyOf("device")), history.GroupOf(KeyOf(id)));
  EXPECT_EQ(history.GroupOf(AliasOf("device", "eve")), history.GroupOf(KeyOf("ann")));
}

}  // namespace
}  // namespace gfr

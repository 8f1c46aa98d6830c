#include "state/login_text.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "state/online_store.h"

namespace gfr {
namespace {

TEST(LoginText, OfAnyLengthComesBackFromFixedRows) {
  std::map<Key, std::vector<std::byte>> rows;
  const auto write = [&](Key key) { return (rows[key] = std::vector<std::byte>(kLoginRowBytes)).data(); };
  const auto find = [&](Key key) -> const std::byte* { return rows.contains(key) ? rows[key].data() : nullptr; };
  for (const std::size_t bytes : {1u, 59u, 60u, 61u, 120u, 1024u, 3840u}) {
    std::string text;
    for (std::size_t k = 0; k < bytes; ++k) text += static_cast<char>('a' + k % 26);
    rows.clear();
    WriteLoginText(KeyOf(text), text, write);
    EXPECT_EQ(rows.size(), LoginRows(bytes));
    EXPECT_EQ(ReadLoginText(KeyOf(text), find), text);
  }
  WriteLoginText(KeyOf("long"), std::string(kMaxLoginBytes + 1, 'x'), write);
  EXPECT_EQ(ReadLoginText(KeyOf("long"), find), "");
  EXPECT_EQ(ReadLoginText(KeyOf("unknown"), find), "");
}

class LoginOfStore : public testing::Test {
 protected:
  void Fold(Event event) {
    store_.Fold({.offset = next_++, .arrival_ms = 1'700'000'000'000, .event = std::move(event)});
  }
  void Join(const std::string& anonymous, const std::string& login) {
    Fold({.type = EventType::kUserAlias, .user_id = login, .kind = anonymous});
  }
  std::string Login(const std::string& user) { return store_.LoginText(store_.Resolve(KeyOf(user))); }
  static std::shared_ptr<const FeatureSet> Features() {
    auto config =
        Config::Parse("[[feature]]\nname = \"price\"\ntype = \"property\"\nproperty = \"price\"\n", "gfr.toml");
    return FeatureSet::Make(config.value()).value();
  }
  OnlineStore store_{Features()};
  std::uint64_t next_ = 0;
};

TEST_F(LoginOfStore, IsThatOfTheLastLoginInAChain) {
  Join("anonymous", "ann");
  EXPECT_EQ(Login("anonymous"), "ann");
  EXPECT_EQ(Login("ann"), "ann");
  EXPECT_EQ(Login("bob"), "") << "nobody was joined to bob";
  Join("ann", "ann@example.com");
  EXPECT_EQ(Login("anonymous"), "ann@example.com");
  Join("tablet", "ann");
  EXPECT_EQ(Login("tablet"), "ann@example.com") << "ann is joined to another login herself";
}

TEST_F(LoginOfStore, IsForgottenWithTheUserAndKnownAgainWithTheNextLogin) {
  const std::string login(200, 'a');
  Join("anonymous", login);
  Fold({.type = EventType::kUserDelete, .user_id = "anonymous"});
  EXPECT_EQ(Login("anonymous"), "");
  Join("anonymous", login);
  EXPECT_EQ(Login("anonymous"), login);
}

}  // namespace
}  // namespace gfr

#include "project/templates.h"

#include <gtest/gtest.h>

#include "feature/describe.h"

namespace gfr {
namespace {

TEST(Templates, KeepToTheBytesOfStateThatTheyPromise) {
  for (const std::string name : {"shop", "trivago"}) {
    auto config = Config::Parse(TemplateText(name).value(), name + ".toml");
    ASSERT_TRUE(config.ok()) << config.error().ToString();
    const auto set = FeatureSet::Make(config.value());
    ASSERT_TRUE(set.ok()) << set.error().ToString();
    EXPECT_LE(set.value()->user_row_bytes, kUserBudgetBytes) << name;
    for (const SharedEntity& entity : set.value()->entities)
      EXPECT_LE(entity.row_bytes, kItemBudgetBytes) << name << " " << entity.name;
  }
}

// What is only a comment in the template must be taken when its # is taken away.
TEST(Templates, OfferMoreFeaturesThatAreTakenAsTheyStand) {
  std::string text = TemplateText("shop").value();
  const auto uncomment = [&](std::size_t from, const std::string& line) {
    while ((from = text.find("\n# " + line, from)) != std::string::npos) text.erase(from + 1, 2);
  };
  uncomment(0, "embedding = ");
  const std::size_t more = text.find("\n# [[feature]]");
  ASSERT_NE(more, std::string::npos);
  uncomment(more, "");
  auto config = Config::Parse(text, "shop.toml");
  ASSERT_TRUE(config.ok()) << config.error().ToString();
  const auto set = FeatureSet::Make(config.value());
  ASSERT_TRUE(set.ok()) << set.error().ToString();
  EXPECT_LE(set.value()->user_row_bytes, kUserBudgetBytes);
  EXPECT_EQ(set.value()->features.back().view->spec().name, "embedding_similarity");
  EXPECT_EQ(set.value()->schema.vector_width, 64u);
}

}  // namespace
}  // namespace gfr

#include "project/templates.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file_system.h"
#include "feature/describe.h"

namespace gfr {
namespace {

TEST(Templates, AreTheFilesOfTheirFolder) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GFR_SOURCE_DIR "/src/project/templates")) {
    EXPECT_EQ(TemplateText(entry.path().stem().string()).value(),
              PosixFileSystem().ReadAll(entry.path().string()).value());
    ++files;
  }
  EXPECT_EQ(ProjectTemplates().size(), files);
}

TEST(Templates, AnUnknownNameIsRefusedWithThoseThereAre) {
  const auto text = TemplateText("bakery");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().message, "there is no template 'bakery'; valid are shop, trivago");
}

TEST(Templates, KeepToTheBytesOfStateThatTheyPromise) {
  for (const ProjectTemplate& t : ProjectTemplates()) {
    const std::string name(t.name);
    auto config = Config::Parse(std::string(t.text), name + ".toml");
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

#include "project/configuration.h"

#include <gtest/gtest.h>

#include "project/templates.h"

namespace gfr {
namespace {

// The shop template with one text in place of another.
Result<std::shared_ptr<const Configuration>> ReadShop(const std::string& from, const std::string& to) {
  std::string text = TemplateText("shop").value();
  text.replace(text.find(from), from.size(), to);
  auto file = Config::Parse(text, "gfr.toml");
  if (!file.ok()) return file.error();
  return Configuration::Read(file.value());
}

TEST(Configuration, IsPutTogetherFromTheTablesOfAllModules) {
  const auto read =
      ReadShop("[[feed]]\n", "[store]\nmemory = \"1GiB\"\n[registry]\nlocation = \"/srv/models\"\n[[feed]]\n");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  const Configuration& c = *read.value();
  EXPECT_EQ(c.objectives.size(), 2u);
  EXPECT_EQ(c.split.test, 0.15);
  EXPECT_EQ(c.train.params.depth, 5);
  EXPECT_EQ(c.feeds.all[0].size, 20);
  EXPECT_EQ(c.store.memory_bytes, 1u << 30);
  EXPECT_EQ(c.registry.folder, "/srv/models");
  EXPECT_EQ(c.features->features.size(), c.features->columns());
}

TEST(Configuration, KeepsTheMetricsAndTheJudgingOfExperiments) {
  const std::string experiment =
      "[[metric]]\nname = \"clicks\"\n[[experiment]]\nname = \"price\"\nplanned_units = 700\n"
      "[[experiment.arm]]\nname = \"a\"\n";
  const auto read = ReadShop("[[feed]]\n", experiment + "[[feed]]\n");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  ASSERT_EQ(read.value()->metrics.size(), 1u);
  EXPECT_EQ(read.value()->metrics[0].name, "clicks");
  EXPECT_EQ(read.value()->experiments.all.at(0).judging.planned_units, 700);
  // The metric's covariate, window and lateness are 36 d of log.
  const auto kept = ReadShop("[[feed]]\n", experiment + "[log]\nkeep = \"35d\"\ntrain_range = \"1d\"\n[[feed]]\n");
  ASSERT_FALSE(kept.ok());
  EXPECT_NE(kept.error().message.find("needed by experiments"), std::string::npos) << kept.error().ToString();
}

TEST(Configuration, ModelsLieInTheSharedFolderUnlessTheRegistryIsElsewhere) {
  const auto shared = ReadShop("[[feed]]\n", "[store]\ndir = \"/srv/shop/\"\n[[feed]]\n");
  ASSERT_TRUE(shared.ok()) << shared.error().ToString();
  EXPECT_EQ(shared.value()->store.dir, "/srv/shop");
  EXPECT_EQ(shared.value()->registry.folder, "/srv/shop/models");
  const auto own = ReadShop("[[feed]]\n", "[store]\ndir = \"/srv/shop\"\n[registry]\nlocation = \"here\"\n[[feed]]\n");
  ASSERT_TRUE(own.ok()) << own.error().ToString();
  EXPECT_EQ(own.value()->registry.folder, "here");
  const auto relative = ReadShop("[[feed]]\n", "[store]\ndir = \"shop\"\n[[feed]]\n");
  ASSERT_FALSE(relative.ok());
  EXPECT_NE(relative.error().message.find("neither s3://BUCKET/PREFIX nor an absolute folder"), std::string::npos);
}

TEST(Configuration, RefusesATableThatNobodyReads) {
  const auto read = ReadShop("[[feed]]\n", "[feeed]\nsize = 1\n[[feed]]\n");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("feeed"), std::string::npos);
}

TEST(Configuration, RefusesAValueFormulaWhoseProductIsNoProbability) {
  const auto read = ReadShop("population = \"feed.click\"", "population = \"item.view\"");
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("pcvr's population is not pctr's label event"), std::string::npos);
  EXPECT_GT(read.error().where.line, 0);
}

TEST(Configuration, ReadsTheTablesOfModulesAboveByTheirOwnReaders) {
  std::string listen;
  auto file = Config::Parse(TemplateText("shop").value() + "\n[extra]\nlisten = \"x\"\n", "gfr.toml").value();
  const auto read = Configuration::Read(file, [&](Config& project) -> Status {
    project.Table("serve");
    Config table = project.Table("extra");
    listen = table.String("listen", "");
    return table.Finish();
  });
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(listen, "x");
}

}  // namespace
}  // namespace gfr

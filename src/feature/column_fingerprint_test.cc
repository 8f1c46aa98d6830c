#include "feature/column_fingerprint.h"

#include <gtest/gtest.h>

#include "base/config.h"
#include "base/test_folder.h"
#include "feature/definitions.h"
#include "feature/feature_set.h"

namespace gfr {
namespace {

std::shared_ptr<const FeatureSet> Set(const std::string& text) {
  auto config = Config::Parse(text, "gfr.toml");
  EXPECT_TRUE(config.ok());
  auto set = FeatureSet::Make(config.value());
  EXPECT_TRUE(set.ok()) << (set.ok() ? "" : set.error().ToString());
  return set.value();
}

// Of the feature with these keys, among these properties.
std::uint64_t Of(const std::string& properties, const std::string& keys, const std::string& name = "f") {
  return Set(properties + "\n[[feature]]\nname = \"" + name + "\"\n" + keys)->features[0].view->spec().fingerprint;
}

constexpr char kItem[] = "[item]\nbrand = \"category\"\nstars = \"number\"\n";

TEST(ColumnFingerprint, TheNameAndOtherFeaturesAreNotInIt) {
  const std::string keys = "type = \"property\"\nproperty = \"stars\"\n";
  EXPECT_EQ(Of(kItem, keys, "a"), Of(kItem, keys, "b"));
  EXPECT_EQ(Of(kItem, keys),
            Set(std::string(kItem) + "[[feature]]\nname = \"first\"\ntype = \"slate\"\nread = \"size\"\n" +
                "[[feature]]\nname = \"f\"\n" + keys)
                ->features[1]
                .view->spec()
                .fingerprint);
}

TEST(ColumnFingerprint, TheKindAndSizeOfAPropertyReadAreInIt) {
  const std::string property = "type = \"property\"\nproperty = \"brand\"\n";
  EXPECT_NE(Of("[item]\nbrand = \"category\"", property), Of("[item]\nbrand = \"number\"", property));
  const std::string similar =
      "type = \"similarity\"\nread = \"mean\"\nproperty = \"e\"\nscope = \"user\"\nevents = [\"feed.click\"]\n"
      "half_life = \"7d\"\n";
  EXPECT_NE(Of("[item]\ne = \"vector:4\"", similar), Of("[item]\ne = \"vector:8\"", similar));
}

TEST(ColumnFingerprint, WhichTableSaysAPropertyIsInIt) {
  const std::string request = "type = \"request\"\nproperty = \"device\"\n";
  EXPECT_NE(Of("[request]\ndevice = \"category\"", request), Of("[request_item]\ndevice = \"category\"", request));
  const std::string context = "type = \"context\"\nproperty = \"month\"\n";
  EXPECT_NE(Of("", context), Of("[user]\nmonth = \"number\"", context));
}

TEST(ColumnFingerprint, WhoseADeviceIsIsInItAndAProjectWithoutAWordOfItKeepsItsFingerprints) {
  const std::string clicks = "type = \"count\"\nscope = \"user\"\nevents = [\"feed.click\"]\n";
  EXPECT_EQ(Of("[users]\nalias = \"first\"", clicks), Of("", clicks));
  EXPECT_NE(Of("[users]\nalias = \"last\"", clicks), Of("", clicks));
  EXPECT_NE(Of("[users]\nmax_logins = 3", clicks), Of("", clicks));
  auto config = Config::Parse("[users]\nalias = \"newest\"\n[[feature]]\nname = \"f\"\n" + clicks, "gfr.toml");
  EXPECT_EQ(FeatureSet::Make(config.value()).error().message,
            "[users] alias: is 'newest'; valid are \"first\", \"last\", \"none\"");
}

TEST(ColumnFingerprint, TheParentIsInIt) {
  const std::string rate =
      "type = \"rate\"\nscope = \"item\"\nevents = [\"feed.click\"]\ndenominator = [\"feed.impression\"]\n";
  EXPECT_NE(Of(kItem, rate + "parent = \"item.brand\"\n"), Of(kItem, rate));
}

TEST(ColumnFingerprint, TheCatalogueRulesAreInIt) {
  const std::string keys = "type = \"property\"\nproperty = \"price\"\n";
  EXPECT_NE(Of("[catalogue]\nprice_from_impressions = true\n", keys), Of("", keys));
}

TEST(ColumnFingerprint, ARowsIsThatOfItsColumnsInOrder) {
  const std::string a = "[[feature]]\nname = \"a\"\ntype = \"slate\"\nread = \"size\"\n";
  const std::string b = "[[feature]]\nname = \"b\"\ntype = \"slate\"\nread = \"supplied_rank\"\n";
  EXPECT_NE(Set(a + b)->fingerprint, Set(b + a)->fingerprint);
  EXPECT_NE(Set(a + b)->fingerprint, Set(a)->fingerprint);
  const std::uint64_t columns[] = {Set(a)->features[0].view->spec().fingerprint,
                                   Set(b)->features[0].view->spec().fingerprint};
  EXPECT_EQ(Set(a + b)->fingerprint, RowFingerprint(columns));
}

TEST(Definitions, AreFoundByTheFingerprintOfTodayAndByThatOfGfr01) {
  const TestFolder folder;
  FileSystem& fs = PosixFileSystem();
  const auto set =
      Set("[[feature]]\nname = \"a\"\ntype = \"slate\"\nread = \"size\"\n"
          "[[feature]]\nname = \"b\"\ntype = \"slate\"\nread = \"price_rank\"\n");
  const std::string definitions = JoinPath(folder.path(), "definitions");
  ASSERT_TRUE(WriteDefinitions(fs, definitions, *set).ok());
  ASSERT_NE(set->fingerprint, set->old_fingerprint);
  for (const std::uint64_t fingerprint : {set->fingerprint, set->old_fingerprint}) {
    const auto columns = ReadDefinitions(fs, definitions, fingerprint).value();
    ASSERT_EQ(columns.size(), 2u);
    EXPECT_EQ(columns[0].name, "a");
    EXPECT_EQ(columns[1].name, "b");
    EXPECT_EQ(columns[1].fingerprint, set->features[1].view->spec().fingerprint);
  }
  EXPECT_EQ(ReadDefinitions(fs, definitions, 1).error().code, ErrorCode::kNotFound);
}

TEST(Definitions, TheOldestFileStaysAndOneThatIsNoneIsCorrupt) {
  const TestFolder folder;
  FileSystem& fs = PosixFileSystem();
  const auto set = Set("[[feature]]\nname = \"a\"\ntype = \"property\"\nproperty = \"price\"\n");
  const auto priced =
      Set("[catalogue]\nprice_from_impressions = true\n"
          "[[feature]]\nname = \"a\"\ntype = \"property\"\nproperty = \"price\"\n");
  ASSERT_EQ(set->old_fingerprint, priced->old_fingerprint) << "which gfr 0.1 did not tell apart";
  ASSERT_TRUE(WriteDefinitions(fs, folder.path(), *set).ok());
  ASSERT_TRUE(WriteDefinitions(fs, folder.path(), *priced).ok());
  EXPECT_EQ(ReadDefinitions(fs, folder.path(), set->old_fingerprint).value()[0].fingerprint,
            set->features[0].view->spec().fingerprint);
  for (const char* text : {"{", "[]", "{\"format\": 1}", "{\"format\": 1, \"columns\": [{\"name\": 3}]}"}) {
    ASSERT_TRUE(PublishFile(fs, JoinPath(folder.path(), "0000000000000007.json"), text).ok());
    EXPECT_EQ(ReadDefinitions(fs, folder.path(), 7).error().code, ErrorCode::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace gfr

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Sequence, IsOfTheLastDifferentItems) {
  Rng rng(81);
  for (const std::string read :
       {"position", "category_share", "category_run", "same_category_as_last", "distinct_categories"}) {
    TestView h("type = \"sequence\"\nread = \"" + read +
               "\"\nscope = \"user\"\nevents = [\"item.view\"]\ncapacity = 4\n" +
               (read == "position" ? "" : "property = \"category\"\n"));
    h.unknown_user = true;
    ASSERT_TRUE(read == "distinct_categories" ? h.Read(0)[0] == 0 : std::isnan(h.Read(0)[0]));
    h.unknown_user = false;
    std::vector<Line> seen;
    for (const Line& line : RandomLines(rng, 200)) {
      h.Fold(line);
      if (line.type == EventType::kItemView) seen.push_back(line);
      std::vector<Line> last;  // Newest first.
      for (auto l = seen.rbegin(); l != seen.rend() && last.size() < 4; ++l) {
        if (std::ranges::count(last, l->item, &Line::item) == 0) last.push_back(*l);
      }
      const std::vector<float> values = h.Read(line.time_ms);
      for (Key item = 1; item <= 6; ++item) {
        const Key category = 1 + item % 3;
        int known = 0, same = 0, run = 0;
        bool running = true;
        std::set<Key> distinct;
        float position = kMissing;
        for (std::size_t k = 0; k < last.size(); ++k) {
          if (last[k].item == item) position = static_cast<float>(k);
          const Key c = last[k].category.category;
          if (c == 0) continue;
          ++known;
          distinct.insert(c);
          same += c == category;
          running = running && c == category;
          run += running;
        }
        float expected = position;
        if (read == "category_share")
          expected = known ? static_cast<float>(same) / static_cast<float>(known) : kMissing;
        if (read == "category_run") expected = known ? static_cast<float>(run) : kMissing;
        if (read == "distinct_categories") expected = static_cast<float>(distinct.size());
        if (read == "same_category_as_last")
          expected = last.empty() || last[0].category.category == 0 ? kMissing
                     : last[0].category.category == category        ? 1.0f
                                                                    : 0.0f;
        ASSERT_TRUE(Same(values[item - 1], expected)) << read << " " << values[item - 1] << " " << expected;
      }
    }
  }
}

TEST(Sequence, OfJoinedHistoriesIsThatOfTheWhole) {
  for (const std::string read : {"position", "category_share", "category_run"}) {
    for (const bool in_turn : {false, true})
      ExpectJoinedHistoriesReadLikeTheWhole("type = \"sequence\"\nread = \"" + read +
                                                "\"\nscope = \"user\"\nevents = [\"item.view\"]\ncapacity = 4\n" +
                                                (read == "position" ? "" : "property = \"category\"\n"),
                                            0, in_turn, 82);
  }
}

TEST(Sequence, NeedsACategory) {
  const std::string rest = "type = \"sequence\"\nscope = \"user\"\nevents = [\"item.view\"]\n";
  EXPECT_THAT(ErrorOf(rest + "read = \"category_run\"\n"), testing::HasSubstr("property: is missing"));
  EXPECT_THAT(ErrorOf(rest + "read = \"category_run\"\nproperty = \"price\"\n"),
              testing::AllOf(testing::HasSubstr("not a category"), testing::HasSubstr("valid are category")));
  EXPECT_THAT(ErrorOf(rest + "read = \"position\"\nproperty = \"category\"\n"),
              testing::HasSubstr("unknown key 'property'"));
}

}  // namespace
}  // namespace gfr

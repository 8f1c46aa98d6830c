#include "serve/url_query.h"

#include <gtest/gtest.h>

namespace gfr {
namespace {

TEST(UrlQueryTest, PairsAreDecodedAsFormsWriteThem) {
  const std::vector<QueryPair> pairs = ParseQuery("a=1+2&b%3D=%2B&&c&=d&e=f=g&h=%zz%4");
  const std::vector<std::pair<std::string, std::string>> expected{{"a", "1 2"}, {"b=", "+"},  {"c", ""},
                                                                  {"", "d"},    {"e", "f=g"}, {"h", "%zz%4"}};
  ASSERT_EQ(pairs.size(), expected.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(pairs[i].name, expected[i].first);
    EXPECT_EQ(pairs[i].value, expected[i].second);
  }
}

TEST(UrlQueryTest, TheFirstValueOfANameIsGiven) {
  const HttpRequest request{.query = "n=5&explain=true&n=6&all+of=it"};
  EXPECT_EQ(QueryValue(request, "n"), "5");
  EXPECT_EQ(QueryValue(request, "all of"), "it");
  EXPECT_EQ(QueryValue(request, "none"), "");
}

TEST(UrlQueryTest, APlusInAPathIsAPlus) { EXPECT_EQ(UrlDecode("a+b%2Fc%20"), "a+b/c "); }

}  // namespace
}  // namespace gfr

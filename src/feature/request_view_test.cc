#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "feature/test_view.h"

namespace gfr {
namespace {

TEST(Request, IsWhatTheCallerSaid) {
  TestView of_request("type = \"request\"\nproperty = \"query_length\"\n");
  EXPECT_TRUE(std::isnan(of_request.Read(0)[0])) << "a request that says nothing";
  of_request.request = {{.number = 3}, {}};
  EXPECT_EQ(of_request.Read(0)[5], 3);
  TestView category("type = \"request\"\nproperty = \"intent\"\n");
  EXPECT_TRUE(category.view().spec().categorical);
  category.request = {{}, {.category = KeyOf("gift")}};
  EXPECT_EQ(category.Read(0)[0], CategoryCode(KeyOf("gift")));
  TestView of_candidate("type = \"request\"\nproperty = \"relevance\"\n");
  of_candidate.relevance = {0.5, -0.0};
  const std::vector<float> values = of_candidate.Read(0);
  EXPECT_EQ(values[0], 0.5f);
  EXPECT_FALSE(std::signbit(values[1]));
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_THAT(
      ErrorOf("type = \"request\"\nproperty = \"city\"\n"),
      testing::AllOf(testing::HasSubstr("[request_item]"), testing::HasSubstr("query_length, intent, relevance")));
}

TEST(PropertySchema, CountsWhatACallerSaysButNobodyDeclared) {
  const PropertySchema schema =
      MakeSet("[[feature]]\nname = \"f\"\ntype = \"request\"\nproperty = \"intent\"\n").value()->schema;
  std::vector<PropertyValue> values(2, {.number = 9});
  EXPECT_EQ(schema.ReadRequest({}, values), 0u);
  EXPECT_TRUE(std::isnan(values[0].number)) << "what was not said is missing";
  const std::vector<Property> context{
      {.name = "query_length", .number = 2}, {.name = "city", .text = "rome"}, {.name = "mood", .text = "good"}};
  EXPECT_EQ(schema.ReadRequest(context, values), 1u);
  EXPECT_EQ(values[0].number, 2);
  EXPECT_EQ(values[1].category, 0u);
  std::vector<PropertyValue> of_item(1);
  const std::vector<Property> properties{{.name = "relevance", .number = 0.25},
                                         {.name = "category", .text = "shoes"},
                                         {.name = "embedding", .vector = {1, 2, 3}},
                                         {.name = "margin", .number = 1}};
  EXPECT_EQ(schema.ReadRequestItem(properties, of_item), 1u);
  EXPECT_EQ(of_item[0].number, 0.25);
}

TEST(PropertySchema, TakesVectorsOfTheirDeclaredSize) {
  const PropertySchema schema =
      MakeSet("[[feature]]\nname = \"f\"\ntype = \"request\"\nproperty = \"intent\"\n").value()->schema;
  ASSERT_EQ(schema.vector_width, 15u);
  std::vector<float> vectors(15, kMissing);
  const std::vector<Property> wrong{{.name = "embedding", .vector = {1, 2}}, {.name = "other", .number = 1}};
  EXPECT_FALSE(schema.ReadVectors(wrong, vectors.data()));
  const std::vector<Property> right{{.name = "other", .vector = std::vector<float>(12, 4.0f)}};
  EXPECT_TRUE(schema.ReadVectors(right, vectors.data()));
  EXPECT_TRUE(std::isnan(vectors[2]));
  EXPECT_EQ(vectors[3], 4);
  EXPECT_EQ(vectors[14], 4);
}

}  // namespace
}  // namespace gfr
